"""What is wrong with scans, told before a training rather than by it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mitsgan.anatomy.places import CUBE_MM, LungPositions
from mitsgan.errors import MitsganError, PositionError, ScanError
from mitsgan.files import read_scan
from mitsgan.jobs.data.result import CheckedScan, CheckResult
from mitsgan.jobs.data.settings import CheckSettings
from mitsgan.jobs.entries import rounded
from mitsgan.jobs.scans import origin_of
from mitsgan.jobs.tree import TreeScan, find_scans
from mitsgan.progress import Phases, Progress, silent
from mitsgan.reading import Reading
from mitsgan.scan.scan import Scan
from mitsgan.training.data.split import Origin, Split

THICKEST_MM = 5.0
"""Training averages thin slices up to this; a nodule of 10 mm is in two slices of it."""


def check_data(settings: CheckSettings, *, progress: Progress = silent) -> CheckResult:
    """Read every scan below one or two folders, and say what a training would stumble over.

    Nothing is written. One scan is in memory at a time.

    Raises:
        ScanError: a folder is none, or has no scan in it.
    """
    phases = Phases(progress)
    sides: list[tuple[Split, Path]] = [("train", settings.folder)]
    if settings.validate is not None:
        sides.append(("validate", settings.validate))
    for _, folder in sides:
        if not folder.is_dir():
            raise ScanError(f"{folder} is no folder; name one that scans lie below")
    looked: list[_Looked] = []
    for split, folder in sides:
        scans = find_scans(folder)
        with phases.phase(f"check {split}", f"checking {folder}") as step:
            for number, scan in enumerate(scans):
                step(number, len(scans), scan.name)
                looked.append(_look(scan, split))
            step(len(scans), len(scans), "")
    checked = tuple(_compared(looked))
    return CheckResult(
        scans=checked,
        patients=len({one.origin.patient for one in looked if one.origin is not None}),
        faulty=sum(bool(scan.faults) for scan in checked),
        seconds=rounded(phases.seconds),
    )


@dataclass(frozen=True)
class _Looked:
    """A scan by itself, and whose it is; None where it cannot be read."""

    scan: CheckedScan
    origin: Origin | None


def _look(entry: TreeScan, split: Split) -> _Looked:
    """Read a scan, and try whether cubes can be cut of it."""
    about = CheckedScan(entry.name, split)
    try:
        scan = read_scan(entry.path, Reading(series=entry.series or None))
        origin = replace(origin_of(scan, entry.path), name=entry.name)
    except MitsganError as error:
        return _Looked(replace(about, faults=(str(error),)), None)
    about = replace(
        about,
        shape=scan.shape,
        spacing_mm=scan.spacing,
        faults=tuple(_faults(scan)),
        notes=(*scan.notes, *_notes(scan)),
    )
    return _Looked(about, origin)


def _faults(scan: Scan) -> Iterator[str]:
    """Why no cubes can be cut of a scan."""
    try:
        next(LungPositions.of(scan).draw(np.random.default_rng(0)))
    except (PositionError, ScanError) as error:
        yield f"no cube of {CUBE_MM:.0f} mm can be cut of its lungs: {error}"


def _notes(scan: Scan) -> Iterator[str]:
    """What may be meant, and is told."""
    if scan.geometry.layer_mm > THICKEST_MM:
        yield (
            f"slices lie {scan.geometry.layer_mm:.1f} mm apart: small nodules are in one of them; "
            f"{THICKEST_MM:.0f} mm or less is better"
        )


def _compared(looked: list[_Looked]) -> Iterator[CheckedScan]:
    """Each scan with what is wrong beside the others: copies, and patients on both sides."""
    same: dict[str, list[_Looked]] = defaultdict(list)
    sides: dict[str, set[str]] = defaultdict(set)
    for one in looked:
        if one.origin is not None:
            same[one.origin.series].append(one)
            sides[one.origin.patient].add(one.scan.split)
    for one in looked:
        if one.origin is None:
            yield one.scan
            continue
        faults = list(one.scan.faults)
        first = same[one.origin.series][0]
        if first is not one:
            faults.append(f"the same voxels as {first.scan.split}: {first.scan.name}; keep one")
        if len(sides[one.origin.patient]) > 1:
            faults.append(
                "its patient is on both sides, trained and validated on, which makes results look "
                "better than they are; keep all of a patient's scans on one side"
            )
        yield replace(one.scan, faults=tuple(faults))
