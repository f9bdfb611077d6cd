"""The folder of a demonstration: whole or not there, and only ever in the place of another one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mitsgan.atomic import atomic_output, check_target
from mitsgan.errors import OutputError

PARTS = frozenset({"original", "protected", "report.html", "report.json"})


def check_demo(out: Path, overwrite: bool) -> None:
    """Raise `OutputError` where a demonstration could not be written to ``out``."""
    if not _is_earlier(out):
        if out.exists() and not overwrite:
            raise OutputError(f"{out} exists and is no demonstration; name a new folder")
        check_target(out, overwrite, folder=True)
    elif not overwrite:
        raise OutputError(
            f"{out} holds an earlier demonstration; give `overwrite=True` to replace it"
        )
    else:
        check_target(_beside(out))
        for part in ("original", "protected"):
            check_target(out / part, overwrite=True, folder=True)


@contextmanager
def demo_folder(out: Path, overwrite: bool) -> Iterator[Path]:
    """A folder to fill, which becomes ``out`` when the block ends well.

    Raises:
        OutputError: see `check_demo`; or the disk is full. An earlier demonstration then stays.
    """
    check_demo(out, overwrite)
    if not _is_earlier(out):
        with atomic_output(out, overwrite=overwrite, folder=True) as place:
            yield place
        return
    new = _beside(out)
    with atomic_output(new, folder=True) as place:
        yield place
    _swap(out.resolve(), new)


def _swap(out: Path, new: Path) -> None:
    """Put ``new`` in the place of ``out``."""
    aside = new.with_suffix(".old")
    out.rename(aside)
    try:
        new.rename(out)
    except BaseException:
        aside.rename(out)
        raise
    shutil.rmtree(aside)


def _is_earlier(out: Path) -> bool:
    """Whether ``out`` holds a demonstration and nothing else."""
    return out.is_dir() and not out.is_symlink() and {p.name for p in out.iterdir()} == PARTS


def _beside(out: Path) -> Path:
    target = out.resolve()
    return target.with_name(f".{target.name}.new")
