"""What verification found: the verdict, where, how sure, and what could not be told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from mitsgan.mark.sliding import sliding_sums
from mitsgan.mark.windows import BLOCK, DENSE_SIZES, SIZES_MM, window
from mitsgan.scan.scan import Geometry

Index = tuple[int, int, int]
Point = tuple[float, float, float]


class Verdict(StrEnum):
    """The answer in one word."""

    INTACT = "intact"
    TAMPERED = "tampered"
    UNKNOWN = "unknown"


class SliceState(StrEnum):
    """What became of one slice as a whole."""

    MARKED = "marked"
    CHANGED = "changed"
    """A part of it lost the mark."""
    REPLACED = "replaced"
    """It carries no mark of this series."""
    MOVED = "moved"
    """It carries the mark of another position."""
    FLIPPED = "flipped"
    """It carries its mark mirrored or turned."""
    UNTESTED = "untested"
    """It holds too little of the body to tell."""


@dataclass(frozen=True)
class SliceFinding:
    """One slice.

    Attributes:
        number: in the scan, from 0, ascending along the slice normal.
        state: what became of it.
        score: of its mark, a z-score: about N(0, 1) without one.
        position_mm: where it lies along the normal.
        came_from_mm: the position whose mark it carries, if not its own.
        detail: in words, empty for a slice that is as it should be.
    """

    number: int
    state: SliceState
    score: float
    position_mm: float
    came_from_mm: float | None = None
    detail: str = ""


@dataclass(frozen=True)
class Region:
    """A box of voxels whose mark is missing.

    Attributes:
        start, stop: first voxel and the one past the last, ``[z, y, x]``.
        centre_mm: LPS.
        lower_mm, upper_mm: the corners of the box around its voxels, LPS, lowest and highest.
        score: how many standard deviations its mark falls short of what it should be.
        voxels: flagged inside the box.
    """

    start: Index
    stop: Index
    centre_mm: Point
    lower_mm: Point
    upper_mm: Point
    score: float
    voxels: int


@dataclass(frozen=True)
class Unlike:
    """A place of which nothing can be said, since it is unlike what is around.

    Its finest grain is, or it is rather loud and its mark is not what was made, or it has no grain,
    or is metal amid lung.

    Attributes:
        region: where; its score says nothing.
        grain: standard deviation of the grain, as a multiple of that around.
    """

    region: Region
    grain: float


@dataclass(frozen=True)
class Detection:
    """The result of `mitsgan.mark.find.detect`.

    Attributes:
        verdict: intact, tampered or unknown.
        reason: in words, for the person who reads it.
        version: of the mark; None where none was found.
        score: of the whole scan's mark, a z-score: N(0, 1) without one.
        strength_hu: RMS of what is left of the mark over the body, HU.
        false_alarms: the rate of untouched scans called tampered that was asked for.
        verified: share of the body whose mark could be checked, 0 to 1.
        regions: where it is missing, worst first.
        slices: one finding per slice.
        missing_ends: in words, ends of the series that were cut off.
        unlike: places that cannot be checked, and so cannot be called intact; largest first.
        map: probability that voxels were repainted, per block of 1 x 4 x 4 voxels (`BLOCK`).
        flagged: the same blocks, whether a region holds them.
        shape: of the scan.
        corner: row and column of the first block that more is known of.
        sums: of these blocks, ``[z, y, x]`` each: the matched filter's products, their variances,
            and what the products are where the mark is.
        dense: the same blocks, whether denser than aerated lung.
    """

    verdict: Verdict
    reason: str
    version: int | None
    score: float
    strength_hu: float
    false_alarms: float
    verified: float
    regions: tuple[Region, ...]
    slices: tuple[SliceFinding, ...]
    missing_ends: tuple[str, ...]
    unlike: tuple[Unlike, ...]
    map: NDArray[np.float32]
    flagged: NDArray[np.bool_]
    shape: Index
    corner: tuple[int, int]
    sums: tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]
    dense: NDArray[np.bool_]

    def shortfall(self, box: tuple[slice, slice, slice], spacing: Sequence[float]) -> float:
        """How far the mark in a box of voxels falls short of what it should be.

        The largest shortfall of the windows of `mitsgan.mark.windows` inside it, of all tissue or
        of dense tissue alone, in standard deviations: where the mark is whole, about the largest
        of a few dozen correlated N(0, 1). 0 where nothing is known. A block counts where its first
        voxel lies.

        Args:
            box: of voxels ``[z, y, x]``.
            spacing: of the scan, mm ``[z, y, x]``.
        """
        z, y, x = box
        blocks = tuple(
            slice(max(-(-s.start // BLOCK) - first, 0), max(-(-s.stop // BLOCK) - first, 0))
            for s, first in zip((y, x), self.corner, strict=True)
        )
        dense = self.dense[z, *blocks]
        if not dense.size:
            return 0.0
        inside = [part[z, *blocks] for part in self.sums]
        sides = [window(mm, (spacing[0], spacing[1], spacing[2])) for mm in SIZES_MM]
        largest = []
        for parts, some in (
            (inside, sides),
            ([part * dense for part in inside], sides[:DENSE_SIZES]),
        ):
            for side in some:
                t, v, m = (sliding_sums(part, side) for part in parts)
                known = m > 0
                if known.any():
                    largest.append(((m - t)[known] / np.sqrt(np.maximum(v, m)[known])).max())
        return float(max(largest, default=0.0))

    def probability(self) -> NDArray[np.float32]:
        """The map per voxel: ``[z, y, x]``, 0 to 1."""
        return np.asarray(_per_voxel(self.map, self.shape))

    def mask(self) -> NDArray[np.bool_]:
        """Which voxels lie in a region: ``[z, y, x]``."""
        return np.asarray(_per_voxel(self.flagged, self.shape))


def region(geometry: Geometry, start: Index, stop: Index, score: float, voxels: int) -> Region:
    """A region with its place in the patient."""
    middle = [(a + b - 1) / 2 for a, b in zip(start, stop, strict=True)]
    corners = np.array(
        [
            geometry.to_world(
                [(a - 0.5, b - 0.5)[k >> n & 1] for n, (a, b) in _numbered(start, stop)]
            )
            for k in range(8)
        ]
    )
    lower, upper = corners.min(0).tolist(), corners.max(0).tolist()
    return Region(
        start,
        stop,
        geometry.to_world(middle),
        (lower[0], lower[1], lower[2]),
        (upper[0], upper[1], upper[2]),
        score,
        voxels,
    )


def _numbered(start: Index, stop: Index) -> list[tuple[int, tuple[int, int]]]:
    return list(enumerate(zip(start, stop, strict=True)))


def _per_voxel(blocks: NDArray[np.generic], shape: Index) -> NDArray[np.generic]:
    wide = np.repeat(np.repeat(blocks, BLOCK, axis=1), BLOCK, axis=2)
    return wide[:, : shape[1], : shape[2]]
