"""Protect all scans of a folder tree; one that cannot be protected does not stop the rest."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from itertools import chain, count
from pathlib import Path
from typing import ClassVar

from mitsgan import __version__
from mitsgan.errors import MitsganError, OutputError, SettingsError
from mitsgan.files.io import is_readable_image
from mitsgan.jobs.protect.file import protect_file
from mitsgan.jobs.protect.result import ProtectionResult
from mitsgan.jobs.protect.settings import ProtectFile
from mitsgan.jobs.seal import Passphrase
from mitsgan.jobs.tree import NO_ROOM, TreeScan, find_scans
from mitsgan.progress import Progress, silent
from mitsgan.result import Result


@dataclass(frozen=True)
class ProtectedEntry:
    """One scan of the tree.

    Attributes:
        scan: below the tree.
        series: its *Series Instance UID*; empty where there is none to choose by.
        output: below the output.
        reason: why it was not protected; empty where it was.
        protection: everything; None where it was not protected.
    """

    scan: str
    series: str
    output: str
    reason: str
    protection: ProtectionResult | None = None


@dataclass(frozen=True, kw_only=True)
class TreeProtection(Result):
    """The protection of a tree.

    Attributes:
        source, output: as they were given.
        protected, failed: how many scans were, and were not.
        scans: one by one.
    """

    KIND: ClassVar[str] = "protection of a tree"

    version: str = __version__
    source: str
    output: str
    protected: int
    failed: int
    scans: tuple[ProtectedEntry, ...]


def protect_tree(
    settings: ProtectFile, *, passphrase: Passphrase | None = None, progress: Progress = silent
) -> TreeProtection:
    """Protect all scans of a folder tree, each into a place of its own below the output.

    Args:
        settings: as for one scan; ``scan`` is the tree, and ``out`` a folder, made if need be.
        passphrase: asked for that of an encrypted key, once.
        progress: told how far it is.

    Raises:
        SettingsError: a setting that is of one scan only.
        OutputError: the output lies within the tree, or is no folder.
        ScanError: no folder, or no scan in it.
    """
    settings.check_scan()
    if settings.series is not None or settings.select:
        raise SettingsError("`series` and `select` choose one scan; leave them out with a tree")
    if settings.checkpoint is not None:
        raise SettingsError("`checkpoint` is of one scan; leave it out with a tree")
    out, tree = settings.out.resolve(), settings.scan.resolve()
    if out == tree or tree in out.parents:
        raise OutputError(f"{settings.out} lies in the tree {settings.scan}; name a folder outside")
    scans = find_scans(settings.scan)
    is_new = not out.exists()
    try:
        out.mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(f"{settings.out}: {error.strerror}; name a folder") from error
    ask = None if passphrase is None else cache(passphrase)
    entries = []
    try:
        for number, (scan, name) in enumerate(zip(scans, _outputs(tree, scans), strict=True)):
            progress("protecting the tree", number, len(scans), scan.name)
            entries.append(_entry(settings, scan, name, ask, progress))
        progress("protecting the tree", len(scans), len(scans))
    finally:
        if is_new:
            with suppress(OSError):  # something was protected
                out.rmdir()
    failed = sum(entry.protection is None for entry in entries)
    return TreeProtection(
        source=str(settings.scan),
        output=str(settings.out),
        protected=len(entries) - failed,
        failed=failed,
        scans=tuple(entries),
    )


def _outputs(tree: Path, scans: Sequence[TreeScan]) -> list[str]:
    """Where each scan goes below the output, no two to one place."""
    outputs: list[str] = []
    for scan in scans:
        name = tree.name if scan.name == "." else scan.name
        if scan.path.is_file() and not is_readable_image(scan.path):
            name = str(Path(name).with_suffix(""))  # an archive becomes a folder
        places = chain([name], (f"{name} ({number})" for number in count(2)))
        outputs.append(next(place for place in places if place not in outputs))
    return outputs


def _entry(
    settings: ProtectFile,
    scan: TreeScan,
    name: str,
    passphrase: Passphrase | None,
    progress: Progress,
) -> ProtectedEntry:
    """One scan, to this place below the output; what goes wrong with it is its reason."""
    out = settings.out / name
    one = replace(settings, scan=scan.path, series=scan.series or None, out=out)
    try:
        result = protect_file(one, passphrase=passphrase, progress=progress)
    except (MitsganError, OSError) as error:
        return ProtectedEntry(scan.name, scan.series, name, " ".join(str(error).split()))
    except MemoryError:
        return ProtectedEntry(scan.name, scan.series, name, NO_ROOM)
    return ProtectedEntry(scan.name, scan.series, name, "", result)
