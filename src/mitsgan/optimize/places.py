"""Where attacks are expected: distributions of positions that a perturbation is optimised over."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mitsgan.attack.resample import Triple
from mitsgan.errors import PositionError


class PositionDistribution(Protocol):
    """A distribution of positions, as `Around` and `mitsgan.anatomy.places.LungPositions`."""

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
        """See `PositionDistribution.draw`; every centre once before one comes again."""
        while True:
            for number in rng.permutation(len(self.centres)):
                way = rng.standard_normal(3)
                way *= self.uncertainty_mm * np.cbrt(rng.random()) / np.linalg.norm(way)
                place = np.asarray(self.centres[number]) + way / self.spacing
                yield _voxel(np.rint(place))


def _voxel(place: NDArray[np.float64]) -> Triple:
    z, y, x = (int(p) for p in place)
    return z, y, x
