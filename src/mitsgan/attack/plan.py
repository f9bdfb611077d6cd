"""Where and how one attack strikes, decided once, apart from carrying it out.

The same plan is applied to the original and to the protected scan. Otherwise a choice that
flips between the two (which lung the noise is copied from, say) would count as disruption.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mitsgan.attack.ctgan import CORE, SIDE
from mitsgan.attack.resample import Triple
from mitsgan.errors import PositionError

Action = Literal["inject", "remove"]

LUNG = (-970.0, -800.0)
"""HU between which a voxel counts as aerated lung for the noise touch-up."""

_ENOUGH_LUNG = 0.05


@dataclass(frozen=True)
class Plan:
    """One attack on one scan; all lengths in voxels ``[z, y, x]``.

    Attributes:
        action: what to do.
        position: centre of the cube.
        cube: side lengths of the repainted cube, 32 mm.
        block: side lengths of the block that the touch-up blends, 1.3 times the cube.
        noise: centre of the block that lends its lung noise, or None where no lung is near.
    """

    action: Action
    position: Triple
    cube: Triple
    block: Triple
    noise: Triple | None

    @property
    def start(self) -> Triple:
        """First voxel of the block in the scan (may be negative near a border)."""
        return block_start(self.position, self.block)

    @property
    def cube_in_block(self) -> tuple[slice, slice, slice]:
        """Where the repainted cube lies inside the block."""
        z, y, x = (
            slice(round(b / 2) - round(n / 2), round(b / 2) - round(n / 2) + n)
            for b, n in zip(self.block, self.cube, strict=True)
        )
        return z, y, x

    @property
    def core_in_block(self) -> tuple[slice, slice, slice]:
        """Where the 20 mm core lies inside the block: what the generator paints unseen.

        Sample i of the n across the cube lies at ``i * 31 / (n - 1)`` of the generator's 32.
        """
        z, y, x = (
            slice(cube.start + first, cube.start + max(last, first) + 1)
            for cube, (first, last) in zip(
                self.cube_in_block, map(_core_samples, self.cube), strict=True
            )
        )
        return z, y, x


def _core_samples(n: int) -> tuple[int, int]:
    """First and last of the ``n`` samples across the cube that lie in its core."""
    step = (SIDE - 1) / (n - 1)
    return math.ceil(CORE.start / step - 1e-9), math.floor((CORE.stop - 1) / step + 1e-9)


def block_start(position: Sequence[int], size: Sequence[int]) -> Triple:
    """First voxel of a block of ``size`` around ``position``, rounding half to even."""
    z, y, x = (p - round(n / 2) for p, n in zip(position, size, strict=True))
    return z, y, x


def sizes(spacing: Sequence[float]) -> tuple[Triple, Triple]:
    """Cube and block side lengths in voxels for a spacing in mm ``[z, y, x]``."""
    cube = [max(2, round(SIDE / s)) for s in spacing]
    block = [max(n, int(1.3 * n)) for n in cube]
    return (cube[0], cube[1], cube[2]), (block[0], block[1], block[2])


def plan_attack(
    hu: NDArray[np.float32],
    spacing: Sequence[float],
    position: Sequence[int],
    action: Action,
) -> Plan:
    """Plan a repaired CT-GAN attack.

    Args:
        hu: ``[z, y, x]``, the scan before any protection.
        spacing: mm ``[z, y, x]``.
        position: voxel ``[z, y, x]``.
        action: inject or remove.

    Raises:
        PositionError: the core of the cube would leave the scan.
    """
    cube, block = sizes(spacing)
    z, y, x = (int(p) for p in position)
    start = block_start((z, y, x), cube)
    for axis, first, n, size in zip("zyx", start, cube, hu.shape, strict=True):
        margin = int(6 / SIDE * n)
        if first + margin < 0 or first + n - margin > size:
            raise PositionError(
                f"position {(z, y, x)} [z, y, x]: the 20 mm core leaves the scan along {axis} "
                f"(needs voxels {first + margin} to {first + n - margin - 1}, the scan has "
                f"0 to {size - 1}); choose a position further from the border"
            )
    return Plan(action, (z, y, x), cube, block, _noise_centre(hu, (z, y, x), block))


def _noise_centre(hu: NDArray[np.float32], position: Triple, block: Triple) -> Triple | None:
    """The neighbouring block with the most aerated lung; the published one is a fixed voxel."""
    best: tuple[int, Triple] | None = None
    for dy, dx in product((-1, 0, 1), repeat=2):
        if dy == dx == 0:
            continue
        centre = (position[0], position[1] + dy * block[1] // 2, position[2] + dx * block[2] // 2)
        start = block_start(centre, block)
        inside = hu[
            tuple(slice(max(s, 0), max(s + n, 0)) for s, n in zip(start, block, strict=True))
        ]
        lung = int(np.count_nonzero((inside > LUNG[0]) & (inside < LUNG[1])))
        if best is None or lung > best[0]:
            best = (lung, centre)
    if best is None or best[0] < _ENOUGH_LUNG * np.prod(block):
        return None
    return best[1]
