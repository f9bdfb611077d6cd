"""Find candidates, in memory or of a scan on disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mitsgan.anatomy.candidates import Candidate, find_candidates
from mitsgan.anatomy.lung import Lung, find_lung
from mitsgan.evaluate.candidate_recall import (
    LIMITS,
    Hit,
    covered,
    match,
    planted_hits,
    recall,
)
from mitsgan.files import read_scan
from mitsgan.jobs.candidates.nodules import nodules_of, planter
from mitsgan.jobs.candidates.result import (
    CandidateEntry,
    CandidatesResult,
    HitEntry,
)
from mitsgan.jobs.candidates.settings import LIMIT, CandidatesFile
from mitsgan.jobs.entries import rounded
from mitsgan.jobs.outputs import scan_name
from mitsgan.jobs.protect.protected import Protected, scan_of
from mitsgan.progress import Phases, Progress, silent
from mitsgan.result import ScanEntry
from mitsgan.scan.canonical import canonical, canonical_order, grid_in_file
from mitsgan.scan.scan import Scan
from mitsgan.settings import at_least


def candidates(
    scan: Scan | Protected, *, limit: int = LIMIT, progress: Progress = silent
) -> tuple[CandidateEntry, ...]:
    """The places of a chest CT where a nodule might be: bright blobs in the lung.

    Nothing in it is learned. It looks for what an attacker would remove, and is no diagnosis: most
    of what it lists is where vessels fork.

    Args:
        scan: a chest CT.
        limit: how many to list at most.
        progress: told how far it is.

    Returns:
        The best first.

    Raises:
        SettingsError: a limit below 1.
        ScanError: there is no lung.

    Examples:
        >>> import mitsgan as mg
        >>> from mitsgan.phantom.chest import NODULE_LPS, chest
        >>> places = mg.candidates(chest((32, 96, 96), (3.0, 2.8, 2.8)), limit=20)
        >>> len(places)
        20
    """
    at_least("limit", limit, 1)
    voxels = scan_of(scan)
    with Phases(progress).phase("find", "finding candidates"):
        return _entries(voxels, find_candidates(canonical(voxels), limit=limit))


def list_candidates(settings: CandidatesFile, *, progress: Progress = silent) -> CandidatesResult:
    """Candidates of a scan on disk, and what their finder is worth there.

    Raises:
        ScanError: it cannot be read, or has no lung.
        DataError: a list of nodules cannot be read, or is about another scan.
        PositionError: the lung is too small for so many planted nodules.
    """
    settings.check_scan()
    phases = Phases(progress)
    with phases.phase("read", f"reading {settings.scan}") as step:
        scan = read_scan(settings.scan, settings, progress=step)
    known = nodules_of(scan, settings.nodules, settings.readers)
    with phases.phase("lung", "finding the lung"):
        lung = find_lung(scan)
    with phases.phase("find", "finding candidates"):
        places = find_candidates(scan, lung, limit=settings.limit)
    planted: list[Hit] = []
    if settings.recall:
        with phases.phase("recall", f"planting {settings.recall} nodules") as step:
            plant = planter(scan, settings.seed)
            planted = planted_hits(scan, lung, settings.recall, settings.seed, plant, step)
    limits = sorted({*(n for n in LIMITS if n < len(places)), len(places)})
    shape, geometry = grid_in_file(scan)
    return CandidatesResult(
        scan=ScanEntry(shape, geometry.spacing, scan_name(settings.scan)),
        lung_ml=_millilitres(lung, scan),
        candidates=tuple(
            replace(entry, voxel=scan.order.in_file(entry.voxel, scan.shape))
            for entry in _entries(scan, places)
        ),
        covered={str(n): covered(places[:n], lung, scan.spacing) for n in limits},
        known=_hits(scan, match(places, known, scan.spacing)),
        recall=recall(planted),
        planted=_hits(scan, planted),
        seed=settings.seed,
        seconds=rounded(phases.seconds),
    )


def _entries(scan: Scan, places: Sequence[Candidate]) -> tuple[CandidateEntry, ...]:
    """Candidates of ``scan`` in canonical order, with voxels as the scan itself has them."""
    axial, order = canonical(scan), canonical_order(scan.geometry)
    return tuple(
        CandidateEntry(
            place.position if axial is scan else order.in_file(place.position, axial.shape),
            axial.geometry.to_world(place.position),
            place.radius_mm,
            place.score,
        )
        for place in places
    )


def _hits(scan: Scan, hits: Sequence[Hit]) -> tuple[HitEntry, ...]:
    """Nodules of a scan that was read, with voxels as its file has them."""
    entries = tuple(HitEntry.of(hit) for hit in hits)
    if scan.order.is_identity:
        return entries
    return tuple(
        replace(one, voxel=scan.order.point_in_file(one.voxel, scan.shape)) for one in entries
    )


def _millilitres(lung: Lung, scan: Scan) -> float:
    voxel_ml = float(np.prod(np.multiply(lung.stride, scan.spacing))) / 1000
    return round(float(lung.mask.sum()) * voxel_ml, 1)
