"""Where attacks are expected: distributions of positions that a perturbation is optimised over."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mitsgan.anatomy.lung import Lung, find_lung
from mitsgan.attack.cube import block_start
from mitsgan.attack.plan import sizes
from mitsgan.attack.resample import Triple
from mitsgan.errors import PositionError
from mitsgan.scan.scan import Scan

DEPTH_MM = 5.0
"""How deep in the lung a position has to lie."""


class Places(Protocol):
    """A distribution of positions."""

    def draw(self, rng: np.random.Generator) -> Iterator[Triple]:
        """Endless voxels ``[z, y, x]``, decided by ``rng``; some may lie where none can strike."""
        ...


@dataclass(frozen=True)
class Around:
    """Uniform in a ball around each of some centres, which are equally likely.

    Attributes:
        centres: voxels ``[z, y, x]``.
        spacing: mm ``[z, y, x]``.
        uncertainty_mm: radius of the ball; 0 where the position is known.

    Raises:
        PositionError: no centre, or a negative radius.
    """

    centres: Sequence[Triple]
    spacing: tuple[float, float, float]
    uncertainty_mm: float = 0.0

    def __post_init__(self) -> None:
        if not len(self.centres) or not self.uncertainty_mm >= 0:
            raise PositionError(
                "positions are drawn around at least one centre, at 0 mm from it or more; found "
                f"{len(self.centres)} centres and {self.uncertainty_mm} mm"
            )

    def draw(self, rng: np.random.Generator) -> Iterator[Triple]:
        """See `Places.draw`; every centre once before one comes again."""
        while True:
            for number in rng.permutation(len(self.centres)):
                way = rng.standard_normal(3)
                way *= self.uncertainty_mm * np.cbrt(rng.random()) / np.linalg.norm(way)
                place = np.asarray(self.centres[number]) + way / self.spacing
                yield _voxel(np.rint(place))


@dataclass(frozen=True)
class InLung:
    """Uniform in the lung, with a whole 32 mm cube of the scan around every position.

    Attributes:
        lung: deep lung alone.
        spacing: mm ``[z, y, x]``.
        shape: of the scan ``[z, y, x]``.

    Raises:
        PositionError: there is no such position.
    """

    lung: Lung
    spacing: tuple[float, float, float]
    shape: Triple

    def __post_init__(self) -> None:
        if not len(self._coarse):
            raise PositionError(
                f"no lung of this scan is {DEPTH_MM:.0f} mm deep with a whole 32 mm cube around "
                "it; it covers too little of the lung to optimise over"
            )

    @classmethod
    def of(cls, scan: Scan) -> InLung:
        """Lung at least 5 mm deep.

        Raises:
            ScanError: there is no lung.
            PositionError: there is too little of it.
        """
        lung = find_lung(scan).within(DEPTH_MM, scan.spacing)
        return cls(lung, scan.spacing, scan.shape)

    def draw(self, rng: np.random.Generator) -> Iterator[Triple]:
        """See `Places.draw`; any voxel of the scan's own grid, not of the coarser mask's."""
        coarse, stride = self._coarse, self.lung.stride
        cube, _ = sizes(self.spacing)
        while True:
            picked = coarse[rng.integers(len(coarse))] * stride + rng.integers(0, stride)
            start = np.asarray(block_start(picked.tolist(), cube))
            if (start >= 0).all() and (start + cube <= self.shape).all():
                yield _voxel(picked)

    @cached_property
    def _coarse(self) -> NDArray[np.int64]:
        """Coarse voxels whose first voxel has a whole cube around it."""
        cube, _ = sizes(self.spacing)
        coarse = np.argwhere(self.lung.mask)
        first = coarse * self.lung.stride + block_start((0, 0, 0), cube)
        return coarse[((first >= 0) & (first + cube <= self.shape)).all(1)]


def _voxel(place: NDArray[np.float64] | NDArray[np.int64]) -> Triple:
    z, y, x = (int(p) for p in place)
    return z, y, x
