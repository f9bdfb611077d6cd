"""Folders in which outputs are written, and what is left of them when a run is killed.

Each work folder holds a file that its process keeps locked. Where nobody does, the process is gone:
whoever next writes to the same folder ends a move of several files that had begun, or puts back
what was set aside, and removes the rest. Folders of other users are left to them.
"""

from __future__ import annotations

import glob
import json
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from mitsgan.errors import OutputError

try:
    import fcntl as _fcntl
except ImportError:  # Windows, where a killed run's folders stay
    fcntl: Any = None
else:
    fcntl = _fcntl

LONGEST_NAME = 220
"""Bytes of the name of an output: file systems take 255, and that of a work folder is longer."""

_SUFFIX = ".partial"
_LOCK = "lock"
_MOVE = "move.json"
_UNLOCKED_FOR_S = 3600.0
"""A work folder without a lock is being made at this moment, or was when its process was killed:
after so long it goes whatever its process is called, which its name says."""


@contextmanager
def work_folder(path: Path) -> Iterator[Path]:
    """A new folder beside ``path``, ours alone, and removed in the end.

    Raises:
        OutputError: another run is writing ``path`` already.
    """
    prefix = f".{path.name}.{os.getpid()}."
    work = Path(tempfile.mkdtemp(prefix=prefix, suffix=_SUFFIX, dir=path.parent))
    try:
        with _locked(work):
            _refuse_another(path, work)
            yield work
    finally:
        _discard(work)


def in_work_folder(path: str) -> bool:
    """Whether a file lies in a work folder, or is one: nothing that a user knows of."""
    return any(part.startswith(".") and part.endswith(_SUFFIX) for part in Path(path).parts)


def sweep(folder: Path, names: str = "*") -> None:
    """Remove what killed runs left in a folder; what they had set aside goes back to its place.

    Args:
        folder: where they wrote.
        names: pattern of the names of what they wrote; where others write, too, ours alone.
    """
    for work in sorted(folder.glob(f".{names}{_SUFFIX}")):
        with suppress(OSError):
            if _is_abandoned(work):
                _end_move(work, folder)
                _restore(work / "old", folder)
                _discard(work)


def _discard(work: Path) -> None:
    """Remove a work folder; its lock last, so that who is killed meanwhile is swept after all."""
    with suppress(OSError):
        for inner in work.iterdir():
            if inner.name == _LOCK:
                continue
            if inner.is_dir():
                shutil.rmtree(inner, ignore_errors=True)
            else:
                inner.unlink(missing_ok=True)
    shutil.rmtree(work, ignore_errors=True)


@contextmanager
def announced(work: Path, names: Sequence[str]) -> Iterator[None]:
    """While files of ``work / "new"`` move to the folder around it, say which, for `sweep`.

    Who is killed between two of them, such as a scan and its seal, would leave half a result.
    """
    plan = work / _MOVE
    new = plan.with_suffix(".new")
    new.write_text(json.dumps(list(names)), encoding="utf-8")
    new.rename(plan)
    try:
        yield
    except BaseException:
        plan.unlink()  # what was moved goes back
        raise


@contextmanager
def _locked(work: Path) -> Iterator[None]:
    """Hold the lock of a work folder; under its name only once it is held."""
    if fcntl is None:
        yield
        return
    number = os.open(work / f"{_LOCK}.new", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
            (work / f"{_LOCK}.new").rename(work / _LOCK)
        yield
    finally:
        os.close(number)


def _is_abandoned(work: Path) -> bool:
    if fcntl is None or work.is_symlink() or not work.is_dir() or not _is_own(work):
        return False
    lock = work / _LOCK
    if not lock.exists():
        names = {file.name for file in work.iterdir()}
        old = time.time() - work.stat().st_mtime > _UNLOCKED_FOR_S
        return names <= {f"{_LOCK}.new"} and (old or _is_gone(work.name.split(".")[-3]))
    number = os.open(lock, os.O_RDWR)
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(number)
    return True


def _is_own(work: Path) -> bool:
    """Whether nobody else could have put anything into a folder: what it tells to move, moves."""
    status = work.stat()
    return status.st_uid == os.geteuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _is_gone(process: str) -> bool:
    """Whether there is no process of this number, here at least."""
    try:
        os.kill(int(process), 0)
    except (ValueError, OverflowError, PermissionError):
        return False
    except ProcessLookupError:
        return True
    return False


def _end_move(work: Path, folder: Path) -> None:
    """Move in the rest of a result of which a part is in its place."""
    try:
        names = json.loads((work / _MOVE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return
    new: Path = work / "new"
    rest = [name for name in names if not _is_in_place(new / name, folder / name)]
    lost = any((folder / name).exists() or not (new / name).exists() for name in rest)
    if lost or len(rest) == len(names):
        return  # somebody has been here since, or nothing was moved
    for name in rest:
        (new / name).rename(folder / name)


def _is_in_place(source: Path, target: Path) -> bool:
    """Whether a file was moved, or linked, which comes before its old name goes."""
    return target.exists() and (not source.exists() or source.samefile(target))


def _restore(aside: Path, folder: Path) -> None:
    """Put earlier results back whose successors never came."""
    if not aside.is_dir():
        return
    for earlier in aside.iterdir():
        if not (folder / earlier.name).exists():
            earlier.rename(folder / earlier.name)


def _refuse_another(path: Path, work: Path) -> None:
    """Raise where somebody else began to write ``path`` before."""
    if not (work / _LOCK).exists():
        return
    own = _age(work)
    for other in path.parent.glob(f".{glob.escape(path.name)}.*{_SUFFIX}"):
        with suppress(FileNotFoundError):
            if other != work and _age(other) < own and not _is_abandoned(other):
                raise OutputError(
                    f"output {path} is being written by another run; wait for it, or choose "
                    f"another output"
                )


def _age(work: Path) -> tuple[int, str]:
    """Orders work folders by when their lock was taken."""
    return (work / _LOCK).stat().st_ctime_ns, work.name
