"""Random places in the lung: deep enough in it, with a whole cube of the scan around them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mitsgan.anatomy.lung import Lung, find_lung
from mitsgan.anatomy.mask import Triple
from mitsgan.errors import PositionError
from mitsgan.scan.once import once_per_scan
from mitsgan.scan.scan import Scan

CUBE_MM = 32.0
"""Side of the cube that attackers repaint and classifiers look at."""

DEPTH_MM = 5.0
"""How deep in the lung a random place lies, unless told otherwise."""

_TRIED = 200
"""Random places that are tried for each one that is wanted."""


def cube_size(spacing: Sequence[float], side_mm: float = CUBE_MM) -> Triple:
    """The sides of a cube in voxels, for a spacing in mm ``[z, y, x]``; at least 2."""
    z, y, x = (max(2, round(side_mm / s)) for s in spacing)
    return z, y, x


def block_start(position: Sequence[int], size: Sequence[int]) -> Triple:
    """First voxel of a block of ``size`` around ``position``, rounding half to even."""
    z, y, x = (p - round(n / 2) for p, n in zip(position, size, strict=True))
    return z, y, x


def has_whole_block(
    position: Sequence[float] | NDArray[np.int64],
    size: Sequence[int],
    shape: Sequence[int],
    *,
    between_voxels: bool = False,
) -> NDArray[np.bool_]:
    """Whether a block of ``size`` voxels around a position lies inside a scan.

    Args:
        position: voxel ``[..., 3]``, one or many.
        size: of the block ``[z, y, x]``, see `block_start`.
        shape: of the scan ``[z, y, x]``.
        between_voxels: the block is interpolated around a position that need not be a whole
            voxel, which takes one more voxel on every side.

    Returns:
        ``[...]``.
    """
    sides = np.asarray(size)
    before = sides // 2 + 1 if between_voxels else np.rint(sides / 2)
    after = before if between_voxels else sides - before
    places = np.asarray(position)
    return np.asarray(((places >= before) & (places <= np.asarray(shape) - after)).all(-1))


@once_per_scan
def deep_lung(scan: Scan, depth_mm: float = DEPTH_MM) -> Lung:
    """The lung without what lies less than ``depth_mm`` from its border; it may be empty.

    Raises:
        ScanError: there is no lung.
    """
    return find_lung(scan).within(depth_mm, scan.spacing)


@dataclass(frozen=True, eq=False)
class LungPositions:
    """Uniform in the lung, with a whole 32 mm cube of the scan around every place.

    Attributes:
        lung: where places may lie.
        spacing: mm ``[z, y, x]``.
        shape: of the scan ``[z, y, x]``.
        between_voxels: see `has_whole_block`.
    """

    lung: Lung
    spacing: tuple[float, float, float]
    shape: Triple
    between_voxels: bool = False

    @classmethod
    def of(cls, scan: Scan) -> LungPositions:
        """In lung at least 5 mm deep.

        Raises:
            ScanError: there is no lung.
            PositionError: there is too little of it.
        """
        places = cls(deep_lung(scan), scan.spacing, scan.shape)
        if not len(places._coarse):
            raise PositionError(
                f"no lung of this scan is {DEPTH_MM:.0f} mm deep with a whole {CUBE_MM:.0f} mm "
                "cube around it; the scan covers too little of the lung: give one that covers "
                "more, or name positions yourself"
            )
        return places

    @property
    def volume_mm3(self) -> float:
        """Of all places together, to a voxel of the coarse mask."""
        return len(self._coarse) * float(np.prod(self.lung.stride) * np.prod(self.spacing))

    def holds(self, position: Sequence[float] | NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether there is a whole cube around ``[..., 3]``, in the lung or not."""
        return has_whole_block(position, self._cube, self.shape, between_voxels=self.between_voxels)

    def some(self, count: int, rng: np.random.Generator, tries: int) -> list[Triple]:
        """The first ``count``, or as many as there are, of ``tries`` voxels of the coarse mask."""
        if not len(self.lung.voxels):
            return []
        drawn = self.lung.positions(tries, rng)
        return [_triple(place) for place in drawn[self.holds(drawn)][:count]]

    def draw(self, rng: np.random.Generator) -> Iterator[Triple]:
        """Endless voxels of the scan's own grid, not of the coarser mask's."""
        while True:
            corner = self._coarse[rng.integers(len(self._coarse))]
            place = corner + rng.integers(0, self.lung.stride)
            if self.holds(place):
                yield _triple(place)

    @cached_property
    def _cube(self) -> Triple:
        return cube_size(self.spacing)

    @cached_property
    def _coarse(self) -> NDArray[np.int64]:
        """Voxels of the coarse mask with a whole cube around them."""
        return self.lung.voxels[self.holds(self.lung.voxels)]


def lung_positions(scan: Scan, count: int, seed: int) -> list[Triple]:
    """Random voxels ``[z, y, x]`` at least 5 mm deep in the lung, with a whole cube around them.

    Raises:
        PositionError: the lung in the scan is too small for that.
        ScanError: there is no lung.
    """
    places = LungPositions.of(scan)
    drawn = places.some(count, np.random.default_rng(seed), _TRIED * count)
    if len(drawn) < count:
        raise PositionError(
            f"only {len(drawn)} of {count} lung positions have a whole {CUBE_MM:.0f} mm cube "
            "around them; the scan covers too little of the lung: ask for fewer, or name them "
            "yourself"
        )
    return drawn


def _triple(place: NDArray[np.int64]) -> Triple:
    z, y, x = place.tolist()
    return z, y, x
