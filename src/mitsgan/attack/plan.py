"""Where and how one attack strikes, decided once, apart from carrying it out.

The same plan is applied to the original and to the protected scan. Otherwise a choice that
flips between the two (which lung the noise is copied from, say) would count as disruption.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mitsgan.anatomy.body import is_outside_body
from mitsgan.anatomy.places import block_start, cube_size
from mitsgan.attack.networks.ctgan import CORE, SIDE
from mitsgan.attack.noise_source import LUNG, nearby_noise_source, published_noise_source
from mitsgan.attack.resample import Triple
from mitsgan.errors import PositionError

__all__ = ["ACTIONS", "LUNG", "Action", "Plan", "Style", "plan_attack", "sizes"]

Action = Literal["inject", "remove"]
ACTIONS: tuple[Action, Action] = ("inject", "remove")

Style = Literal["published", "repaired"]
"""Whether an attack has the faults of the released one. Results are always of repaired ones."""


@dataclass(frozen=True)
class Plan:
    """One attack on one scan; all lengths in voxels ``[z, y, x]``.

    Attributes:
        action: what to do.
        position: centre of the cube.
        cube: side lengths of the repainted cube, 32 mm.
        block: side lengths of the block that the touch-up blends, 1.3 times the cube.
        noise: centre of the block whose lung noise is taken, or None where no lung is near.
        style: published (a block of as many voxels along every axis, noise from one fixed
            voxel, water beyond the border, NaN where there is no lung) or repaired.
    """

    action: Action
    position: Triple
    cube: Triple
    block: Triple
    noise: Triple | None
    style: Style = "repaired"

    @property
    def start(self) -> Triple:
        """First voxel of the block in the scan (may be negative near a border)."""
        return block_start(self.position, self.block)

    @property
    def seed(self) -> int:
        """Of what an attacker draws at random there: the same before and after protection."""
        return int(np.random.SeedSequence(self.position).generate_state(1)[0])

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


def sizes(spacing: Sequence[float], style: Style = "repaired") -> tuple[Triple, Triple]:
    """Cube and block side lengths in voxels for a spacing in mm ``[z, y, x]``.

    The block has 1.3 times the cube's 32 mm along every axis; in the published style it has
    1.3 times the cube's most voxels, so many mm more where voxels are longer.
    """
    cube = cube_size(spacing, SIDE)
    block = [max(n, int(1.3 * (n if style == "repaired" else max(cube)))) for n in cube]
    return cube, (block[0], block[1], block[2])


def plan_attack(
    hu: NDArray[np.float32],
    spacing: Sequence[float],
    position: Sequence[int],
    action: Action,
    *,
    style: Style = "repaired",
    in_body: bool = False,
) -> Plan:
    """Plan a CT-GAN attack.

    Args:
        hu: ``[z, y, x]``, the scan before any protection.
        spacing: mm ``[z, y, x]``.
        position: voxel ``[z, y, x]``; `Geometry.to_voxel` finds it for a place in mm.
        action: inject or remove.
        style: ``published`` is for comparison with the release only: it fails on scans where
            the release fails, and a failing attacker is no protection.
        in_body: the position is known to lie in the body, which is not looked at then: a piece of
            a scan does not show it.

    Raises:
        PositionError: the core of the cube would leave the scan, the position is outside the
            body, or the published attacker cannot work at this spacing.
    """
    z, y, x = (int(p) for p in position)
    cube, block = sizes(spacing, style)
    _check_border((z, y, x), cube, hu.shape)
    if not in_body and is_outside_body(hu, spacing, (z, y, x)):
        raise PositionError(
            f"position {(z, y, x)} [z, y, x] lies outside the body: there is nothing but air "
            "between it and the edge of its slice; choose a position inside the body"
        )
    if style == "repaired":
        return Plan(action, (z, y, x), cube, block, nearby_noise_source(hu, (z, y, x), block))
    scaled = tuple(round(n * s) for n, s in zip(cube, spacing, strict=True))
    if scaled != (SIDE, SIDE, SIDE):
        raise PositionError(
            f"the published attacker fails at a spacing of {tuple(spacing)} mm [z, y, x]: its cube "
            f"of {cube} voxels scales to {scaled}, not {SIDE} of each; use the repaired style"
        )
    return Plan(action, (z, y, x), cube, block, published_noise_source(hu.shape), style)


def _check_border(position: Triple, cube: Triple, shape: Sequence[int]) -> None:
    start = block_start(position, cube)
    for axis, first, n, size in zip("zyx", start, cube, shape, strict=True):
        margin = int(CORE.start / SIDE * n)
        if first + margin < 0 or first + n - margin > size:
            raise PositionError(
                f"position {position} [z, y, x]: the 20 mm core leaves the scan along {axis} "
                f"(needs voxels {first + margin} to {first + n - margin - 1}, the scan has "
                f"0 to {size - 1}); choose a position further from the border"
            )
