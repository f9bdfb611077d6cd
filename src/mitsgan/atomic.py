"""Output that is either whole or not there: written beside its place, then moved into it."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from mitsgan.errors import OutputError

_FULL = {errno.ENOSPC, errno.EDQUOT}


def check_target(path: Path, overwrite: bool = False, *, source: Path | None = None) -> None:
    """Raise `OutputError` where ``path`` could not be written; touches nothing.

    Args:
        path: the file or folder to be.
        overwrite: whether an existing one may be replaced. A folder is replaced only if all its
            files are DICOM, so that a mistyped path cannot cost anybody their documents.
        source: what the result is made from; the output may not be it, hold it or lie in it.
    """
    target = path.resolve()
    if source is not None:
        _check_apart(path, target, source)
    if not path.name:
        raise OutputError(f"{path} cannot be an output; name a new file or folder")
    if path.exists() or path.is_symlink():
        if not overwrite:
            raise OutputError(f"output {path} exists; choose another, or allow overwriting it")
        if path.is_dir():
            _check_replaceable(path, target)
    parent = target.parent
    while not parent.exists():
        parent = parent.parent
    if not parent.is_dir():
        raise OutputError(f"output {path} cannot be made: {parent} is a file, not a folder")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise OutputError(f"output {path} cannot be made: no permission to write in {parent}")


@contextmanager
def atomic_output(
    path: Path, *, overwrite: bool = False, folder: bool = False, companions: Sequence[str] = ()
) -> Iterator[Path]:
    """Give a temporary place to write to; move the result to ``path`` when the block ends well.

    On any error, a full disk or an interrupt included, nothing is left behind, and with
    ``overwrite`` an existing output stays as it was.

    Args:
        path: where the result is to be.
        overwrite: whether an existing output may be replaced.
        folder: whether the result is a folder; it then exists, empty, when the block starts.
        companions: names of further files that the block writes next to the first one and that
            belong to it, such as the ``.raw`` of an ``.mhd``.

    Yields:
        A path with the same name as ``path`` on the same file system.

    Raises:
        OutputError: the output exists, cannot be written, or the disk is full.
    """
    targets = [path, *(path.with_name(name) for name in companions)]
    for target in targets:
        check_target(target, overwrite)
    made = _missing_parents(path)
    work: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".partial", dir=path.parent))
        new = work / "new"
        new.mkdir()
        temporary = new / path.name
        if folder:
            temporary.mkdir()
        yield temporary
        _commit(new, work / "old", targets, overwrite)
        made = []
    except OSError as error:
        raise output_error(path, error) from error
    finally:
        if work is not None:
            shutil.rmtree(work, ignore_errors=True)
        for parent in made:
            with suppress(OSError):  # somebody else has put something there meanwhile
                parent.rmdir()


def output_error(path: Path, error: OSError) -> OutputError:
    """What went wrong while writing ``path``, with its remedy."""
    if error.errno in _FULL:
        free = ""
        with suppress(OSError):
            free = f" ({shutil.disk_usage(path.resolve().parent).free / 1e6:.0f} MB free)"
        return OutputError(
            f"the disk is full{free}: {path} was not written and nothing is left of it; "
            f"free space or choose an output on another disk"
        )
    reason = error.strerror or str(error)
    where = f" ({error.filename})" if error.filename else ""
    return OutputError(f"{path} was not written: {reason}{where}")


def _check_apart(path: Path, target: Path, source: Path) -> None:
    origin = source.resolve()
    if target == origin:
        raise OutputError(
            f"output {path} is the input; choose another, the source is never changed"
        )
    if origin in target.parents:
        raise OutputError(f"output {path} lies inside the input {source}; choose one outside it")
    if target in origin.parents:
        raise OutputError(f"output {path} contains the input {source}; choose another folder")


def _check_replaceable(path: Path, target: Path) -> None:
    here = Path.cwd().resolve()
    if path.is_symlink() or path.is_mount() or target == here or target in here.parents:
        raise OutputError(f"output {path} cannot be replaced as a whole; choose another folder")
    for file in sorted(path.rglob("*")):
        if file.is_file() and not _is_dicom(file):
            raise OutputError(
                f"output {path} holds {file.relative_to(path)}, which is not DICOM, so it does not "
                f"look like an earlier result; move it away yourself or choose another output"
            )


def _is_dicom(file: Path) -> bool:
    try:
        with file.open("rb") as handle:
            return handle.read(132)[128:] == b"DICM"
    except OSError:
        return False


def _missing_parents(path: Path) -> list[Path]:
    """Folders to be made for ``path``, innermost first."""
    return [parent for parent in path.absolute().parents if not parent.exists()]


def _commit(new: Path, old: Path, targets: Sequence[Path], overwrite: bool) -> None:
    """Move every target into place; if one fails, put all back as they were."""
    old.mkdir()
    undo: list[tuple[Path, Path]] = []
    try:
        for target in targets:
            if target.exists() or target.is_symlink():
                if not overwrite:
                    raise OutputError(f"output {target} appeared while it was being made; kept it")
                undo.append((old / target.name, target))
                target.rename(old / target.name)
            undo.append((target, new / target.name))
            (new / target.name).rename(target)
    except BaseException:
        for there, back in reversed(undo):
            with suppress(FileNotFoundError):  # the interrupt came before that move
                there.rename(back)
        raise
