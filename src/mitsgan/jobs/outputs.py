"""Files that jobs write beside scans: checked before the work, written whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mitsgan.atomic import atomic_output, check_target
from mitsgan.errors import OutputError
from mitsgan.leftovers import sweep
from mitsgan.result import Result
from mitsgan.typed import to_json


def check_file(
    path: Path,
    overwrite: bool,
    setting: str,
    *,
    source: Path | None = None,
    beside: Path | None = None,
) -> None:
    """Raise `OutputError` where a file could not be written later on.

    Args:
        path: the file to be; its folder must be there.
        overwrite: whether an existing file may be replaced.
        setting: that names the file, for the message.
        source: an input that must stay as it is.
        beside: another output, in which the file must not lie: a scan's folder holds the scan.
    """
    if path.is_dir():
        raise OutputError(f"`{setting}` {path} is a folder; name a file in it")
    if beside is not None and beside.resolve() in (path.resolve(), *path.resolve().parents):
        raise OutputError(f"`{setting}` {path} lies in the output {beside}; name a file outside it")
    if not path.parent.is_dir():
        raise OutputError(
            f"`{setting}` {path}: the folder {path.parent} does not exist; make it, or name another"
        )
    sweep(path.parent)
    if path.exists() and not overwrite:
        raise OutputError(f"`{setting}` {path} exists; name another file, or give `overwrite`")
    check_target(path, overwrite, folder=False, source=source)


def write_text(path: Path, text: str, *, overwrite: bool = False) -> int:
    """Write text, such as a page, whole or not at all; names of files that are no UTF-8 escaped.

    Returns:
        Bytes.

    Raises:
        OutputError: it cannot be written.
    """
    with atomic_output(path, overwrite=overwrite) as temporary:
        return temporary.write_bytes(text.encode("utf-8", "backslashreplace"))


def write_json(path: Path, value: Mapping[str, object], *, overwrite: bool = False) -> None:
    """Write JSON for people and machines; what is not finite becomes null, as JSON wants it."""
    write_text(path, to_json(value), overwrite=overwrite)


def write_result(path: Path, result: Result, *, overwrite: bool = False) -> None:
    """Write the result of a job as JSON.

    Raises:
        OutputError: it cannot be written.
    """
    write_text(path, result.to_json(), overwrite=overwrite)


def scan_name(path: Path) -> str:
    """A scan's own name, without the machine's folders around it."""
    return path.name or path.resolve().name
