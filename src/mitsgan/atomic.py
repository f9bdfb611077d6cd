"""Output that is either whole or not there: written beside its place, then moved into it."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from mitsgan.errors import OutputError
from mitsgan.leftovers import LONGEST_NAME, announced, in_work_folder, sweep, work_folder
from mitsgan.ownership import is_ours

_FULL = {errno.ENOSPC, errno.EDQUOT}
_TAKEN = {errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR, errno.EISDIR}


def check_target(
    path: Path,
    overwrite: bool = False,
    *,
    folder: bool | None = None,
    source: Path | None = None,
    anything: bool = False,
) -> None:
    """Raise `OutputError` where ``path`` could not be written; what a killed run left goes first.

    Args:
        path: the file or folder to be.
        overwrite: whether an existing one may be replaced. Only what mitsgan made ever is, and a
            folder only if all that is in it is; a file never becomes a folder, nor a folder a file.
        folder: whether it is to be a folder; None where that is not known yet.
        source: what the result is made from; the output may not be it, hold it or lie in it.
        anything: replace what is there whoever made it; for files in folders of our own.
    """
    if len(os.fsencode(path.name)) > LONGEST_NAME:
        raise OutputError(
            f"the name of the output {path} is longer than {LONGEST_NAME} bytes, so it could not "
            f"be written beside its place first; choose a shorter one"
        )
    target = Path(os.path.realpath(path))  # of links that lead in a ring `resolve` makes an error
    if source is not None:
        _check_apart(path, target, source)
    if not path.name:
        raise OutputError(f"{path} cannot be an output; name a new file or folder")
    sweep(path.parent)
    if path.exists() or path.is_symlink():
        if not overwrite:
            raise OutputError(f"output {path} exists; choose another, or give `overwrite`")
        if not anything:
            _check_replaceable(path, target, folder)
    parent = target.parent
    while not parent.exists():
        parent = parent.parent
    if not parent.is_dir():
        raise OutputError(f"output {path} cannot be made: {parent} is a file, not a folder")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise OutputError(f"output {path} cannot be made: no permission to write in {parent}")


@contextmanager
def atomic_output(
    path: Path,
    *,
    overwrite: bool = False,
    folder: bool = False,
    companions: Sequence[str] = (),
    anything: bool = False,
) -> Iterator[Path]:
    """Give a temporary place to write to; move the result to ``path`` when the block ends well.

    On any error, a full disk or an interrupt included, nothing is left behind, and with
    ``overwrite`` an existing output stays as it was, aside, until the new one is whole. What a
    killed run left is swept by the next one that writes to the same folder.

    Args:
        path: where the result is to be.
        overwrite: whether an existing output may be replaced, see `check_target`.
        folder: whether the result is a folder; it then exists, empty, when the block starts.
        companions: names of further files that the block writes next to the first one and that
            belong to it, such as the ``.raw`` of an ``.mhd``.
        anything: see `check_target`.

    Yields:
        A path with the same name as ``path`` on the same file system.

    Raises:
        OutputError: the output exists, cannot be written, or the disk is full; or another run is
            writing it.
    """
    targets = [path, *(path.with_name(name) for name in companions)]
    check_targets(path, companions, overwrite, folder=folder, anything=anything)
    new_folders = _missing_parents(path)
    with ExitStack() as stack:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            stack.callback(_remove_empty, new_folders)
            work = stack.enter_context(work_folder(path))
            new = work / "new"
            new.mkdir()
            temporary = new / path.name
            if folder:
                temporary.mkdir()
            yield temporary
            _commit(work, targets, overwrite)
        except OSError as error:
            raise output_error(path, error) from error


def check_targets(
    path: Path,
    companions: Sequence[str],
    overwrite: bool = False,
    *,
    folder: bool | None = None,
    source: Path | None = None,
    anything: bool = False,
) -> None:
    """As `check_target`, of an output and files that belong to it.

    What belongs to an output of ours is ours, too: the ``.raw`` of an ``.mhd`` carries no mark.
    """
    check_target(path, overwrite, folder=folder, source=source, anything=anything)
    ours = path.exists()
    for name in companions:
        other = path.with_name(name)
        check_target(other, overwrite, folder=False, source=source, anything=anything or ours)


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
    named = error.filename and not in_work_folder(os.fsdecode(error.filename))
    where = f" ({os.fsdecode(error.filename)})" if named else ""
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


def _check_replaceable(path: Path, target: Path, folder: bool | None) -> None:
    """Raise unless what is there was made by mitsgan, all of it, and is of the same kind."""
    here = Path.cwd().resolve()
    if path.is_symlink() or path.is_mount() or target == here or target in here.parents:
        raise OutputError(f"output {path} cannot be replaced as a whole; choose another")
    if folder is not None and path.is_dir() != folder:
        kinds = ("folder", "file") if path.is_dir() else ("file", "folder")
        raise OutputError(
            f"output {path} is a {kinds[0]}, and would become a {kinds[1]}; choose another, or "
            f"take it away yourself"
        )
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    for file in files:
        if not file.is_dir() and not is_ours(file):
            what = f"holds {file.relative_to(path)}, which" if path.is_dir() else "is a file that"
            raise OutputError(
                f"output {path} {what} mitsgan did not make, so it is not replaced; move it away "
                f"yourself or choose another output"
            )


def _missing_parents(path: Path) -> list[Path]:
    """Folders to be made for ``path``, innermost first."""
    return [parent for parent in path.absolute().parents if not parent.exists()]


def _remove_empty(folders: Sequence[Path]) -> None:
    for folder in folders:
        with suppress(OSError):  # it is not empty: the output is there, or somebody else's file
            folder.rmdir()


def _commit(work: Path, targets: Sequence[Path], overwrite: bool) -> None:
    """Move every target into place; if one fails, put all back as they were."""
    new, old = work / "new", work / "old"
    old.mkdir()
    undo: list[tuple[Path, Path]] = []
    try:
        with announced(work, [target.name for target in targets]):
            # All aside before the first comes: a new scan never lies beside an earlier seal.
            for target in targets:
                if target.exists() or target.is_symlink():
                    if not overwrite:
                        raise _appeared(target)
                    undo.append((old / target.name, target))
                    target.rename(old / target.name)
            for target in targets:
                undo.append((target, new / target.name))
                _move_in(new / target.name, target)
    except BaseException:
        for there, back in reversed(undo):
            with suppress(OSError):  # the interrupt came before that move
                there.rename(back)
        raise


def _move_in(source: Path, target: Path) -> None:
    """Move to a place where nothing is; to a place that was taken meanwhile, nothing is moved."""
    try:
        if source.is_dir():
            source.rename(target)  # which fails over a folder that is not empty
            return
        os.link(source, target)  # unlike a rename, this fails over a file
    except OSError as error:
        if error.errno in _TAKEN:
            raise _appeared(target) from error
        if source.is_dir():
            raise
        source.rename(target)  # a file system without links
    else:
        source.unlink()


def _appeared(target: Path) -> OutputError:
    return OutputError(f"output {target} appeared while it was being made; kept it")
