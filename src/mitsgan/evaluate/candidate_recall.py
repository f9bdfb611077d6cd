"""What the finder of candidates is worth: which nodules it finds, how early, and how much of the
lung it names on the way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median

import numpy as np
from numpy.typing import NDArray

from mitsgan.anatomy.candidates import Candidate, find_candidates
from mitsgan.anatomy.lung import Lung
from mitsgan.errors import PositionError
from mitsgan.scan.scan import Scan

LIMITS = (5, 10, 20, 40, 60, 100, 200)
"""How many candidates recall is told for."""

SIDE_MM = 32.0
"""Of the cube that an attack repaints."""

DIAMETERS_MM = (5.0, 25.0)
"""Of planted nodules, uniform."""

_NEAR_MM = 4.0
_AT_ONCE = 8
_APART_MM = 50.0
_INSIDE_MM = (5.0, 1e4)
_BORDER_MM = (0.0, 3.0)
_SIZES_MM = (5, 8, 12, 18, 25)

Voxel = tuple[int, int, int]
Plant = Callable[[NDArray[np.float32], Voxel, float], tuple[NDArray[np.float32], str]]
"""HU ``[z, y, x]``, a place and a diameter in mm, to HU with a nodule there and its kind; raises
`PositionError` where none fits."""


@dataclass(frozen=True)
class KnownNodule:
    """A nodule that is known to be there.

    Attributes:
        voxel: its centre ``[z, y, x]``, may be fractional.
        diameter_mm: of the ball of equal volume.
        kind: what it is made of, or that it is real.
        location: ``inside`` the lung, at its ``border``, or unknown.
    """

    voxel: tuple[float, float, float]
    diameter_mm: float
    kind: str = "real"
    location: str = "unknown"


@dataclass(frozen=True)
class Hit:
    """A nodule and the candidate that names it.

    Attributes:
        nodule: the nodule.
        rank: 1 if no candidate that names no nodule is better; None where it is not named.
        offset_mm: of the candidate from its centre.
        radius_mm: that the candidate tells.
        score: of the candidate.
        number: of the candidate in the list, from 1.
    """

    nodule: KnownNodule
    rank: int | None = None
    offset_mm: float | None = None
    radius_mm: float | None = None
    score: float | None = None
    number: int | None = None


def match(
    candidates: Sequence[Candidate], nodules: Sequence[KnownNodule], spacing: Sequence[float]
) -> list[Hit]:
    """Which candidate names which nodule: the best one nearer than its radius, or than 4 mm."""
    places = np.asarray([c.position for c in candidates], np.float64).reshape(-1, 3)
    apart = [np.linalg.norm((places - n.voxel) * spacing, axis=1) for n in nodules]
    near = [d <= max(n.diameter_mm / 2, _NEAR_MM) for d, n in zip(apart, nodules, strict=True)]
    others = ~np.any([*near, np.zeros(len(places), bool)], axis=0)
    hits = []
    for nodule, distance, named in zip(nodules, apart, near, strict=True):
        if not named.any():
            hits.append(Hit(nodule))
            continue
        best = int(named.argmax())
        hit, rank = candidates[best], 1 + int(others[:best].sum())
        hits.append(Hit(nodule, rank, float(distance[best]), hit.radius_mm, hit.score, best + 1))
    return hits


def planted_hits(
    scan: Scan,
    lung: Lung,
    count: int,
    seed: int,
    plant: Plant,
    progress: Callable[[int, int], None] | None = None,
) -> list[Hit]:
    """Plant nodules in a copy, a few far apart at a time, and look for them.

    Half of them lie at least 5 mm deep in the lung; the centres of the others on its border, so
    that about half of each is in the wall. The lung is found anew with the nodules in it.

    Raises:
        PositionError: the lung is too small for that.
    """
    rng = np.random.default_rng(seed)
    inside, border = (_drawn(lung, scan, depths, rng) for depths in (_INSIDE_MM, _BORDER_MM))
    hits: list[Hit] = []
    while len(hits) < count:
        hu = scan.hu()
        nodules: list[KnownNodule] = []
        for number in range(len(hits), min(len(hits) + _AT_ONCE, count)):
            place, where = (border, "border") if number % 2 else (inside, "inside")
            diameter = float(rng.uniform(*DIAMETERS_MM))
            hu, voxel, kind = _put(hu, scan, place, nodules, diameter, plant)
            nodules.append(KnownNodule(voxel, diameter, kind, where))
        flat = np.ones(len(hu)), np.zeros(len(hu))
        planted = replace(scan, stored=hu, slope=flat[0], intercept=flat[1], padding=None)
        hits += match(find_candidates(planted, limit=LIMITS[-1]), nodules, scan.spacing)
        if progress is not None:
            progress(len(hits), count)
    return hits


def _drawn(
    lung: Lung, scan: Scan, depths_mm: tuple[float, float], rng: np.random.Generator
) -> Iterator[Voxel]:
    """Voxels in random order, as deep in the lung as that."""
    low, high = (lung.within(depth, scan.spacing).mask for depth in depths_mm)
    for place in rng.permutation(np.argwhere(low & ~high) * lung.stride).tolist():
        yield place[0], place[1], place[2]


def _put(
    hu: NDArray[np.float32],
    scan: Scan,
    places: Iterator[Voxel],
    others: Sequence[KnownNodule],
    diameter_mm: float,
    plant: Plant,
) -> tuple[NDArray[np.float32], Voxel, str]:
    """A nodule at the next place that is free and far enough inside the scan."""
    for place in places:
        apart = [np.subtract(place, other.voxel) * scan.spacing for other in others]
        if all(np.linalg.norm(offset) >= _APART_MM for offset in apart):
            try:
                planted, kind = plant(hu, place, diameter_mm)
            except PositionError:
                continue
            return planted, place, kind
    raise PositionError(
        f"the lung in this scan is too small to plant {len(others) + 1} nodules {_APART_MM:.0f} mm "
        "apart; ask for fewer"
    )


@dataclass(frozen=True)
class Offset:
    """How far candidates lie from the centres of the nodules that they name, mm."""

    median: float
    worst: float


@dataclass(frozen=True)
class RecallRow:
    """One group of nodules.

    Attributes:
        nodules: what the group is called.
        n: how many there are.
        recall: part of them that is named among the best so many candidates; by that number.
        offset_mm: of those that are named; None where none is.
    """

    nodules: str
    n: int
    recall: dict[str, float]
    offset_mm: Offset | None


def recall(hits: Sequence[Hit]) -> tuple[RecallRow, ...]:
    """Part of the nodules named among the best so many candidates: all, by size, location, kind."""
    groups: dict[str, list[Hit]] = {"all": list(hits)}
    for low, high in pairwise(_SIZES_MM):
        some = [h for h in hits if low <= h.nodule.diameter_mm < high]
        groups[f"{low} to {high} mm"] = some
    for location in ("inside", "border"):
        groups[location] = [h for h in hits if h.nodule.location == location]
    for kind in sorted({h.nodule.kind for h in hits}):
        groups[kind] = [h for h in hits if h.nodule.kind == kind]
    return tuple(_row(name, some) for name, some in groups.items() if some)


def _row(name: str, hits: Sequence[Hit]) -> RecallRow:
    offsets = [h.offset_mm for h in hits if h.offset_mm is not None]
    parts = {
        str(limit): sum(h.rank is not None and h.rank <= limit for h in hits) / len(hits)
        for limit in LIMITS
    }
    offset = Offset(median(offsets), max(offsets)) if offsets else None
    return RecallRow(name, len(hits), parts, offset)


def covered(candidates: Sequence[Candidate], lung: Lung, spacing: Sequence[float]) -> float:
    """Part of the lung that cubes of 32 mm around candidates cover together."""
    step = np.multiply(lung.stride, spacing)
    inside = np.zeros_like(lung.mask)
    for candidate in candidates:
        centre = np.multiply(candidate.position, spacing)
        first = np.maximum(np.ceil((centre - SIDE_MM / 2) / step), 0).astype(int)
        last = np.floor((centre + SIDE_MM / 2) / step).astype(int) + 1
        inside[tuple(slice(a, max(a, b)) for a, b in zip(first, last, strict=True))] = True
    return float((inside & lung.mask).sum() / lung.mask.sum())
