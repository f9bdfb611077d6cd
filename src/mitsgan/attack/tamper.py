"""The whole CT-GAN pipeline as one differentiable function of the scan, batched over positions.

The published and the repaired style differ in what surrounds a scan, in the order in which
overflow is repaired, and in where and when the touch-up takes its noise; see docs/attackers.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from mitsgan.anatomy.places import block_start
from mitsgan.attack.attacker import Attacker
from mitsgan.attack.cube import OUTSIDE_HU, cut_blocks, overlap, paste_block
from mitsgan.attack.networks.ctgan import SIDE
from mitsgan.attack.overflow import repair, repair_in_order
from mitsgan.attack.plan import Plan
from mitsgan.attack.resample import Shift, Triple, zoom
from mitsgan.attack.touchup import blend, lung_noise, published_noise
from mitsgan.errors import PositionError

_PUBLISHED_OUTSIDE_HU = 0.0
UNMOVED: Shift = (0.0, 0.0, 0.0)
"""The cube lies where its plan says."""


@dataclass(frozen=True)
class Cut:
    """What one batch of attacks takes from a scan; blocks are ``[b, *block]`` in HU.

    Attributes:
        before: the blocks around the positions.
        noise: lung noise from beside them, zero where a plan names no source of it. In the
            published style whole blocks, since it takes the noise once the cube is pasted.
        plans: of one action, one spacing and one style.
        shape: of the scan, ``[z, y, x]``.
    """

    before: Tensor
    noise: Tensor
    plans: tuple[Plan, ...]
    shape: Triple

    def part(self, rows: slice | Sequence[int]) -> Cut:
        """Some of the attacks."""
        plans = self.plans[rows] if isinstance(rows, slice) else [self.plans[row] for row in rows]
        return Cut(self.before[rows], self.noise[rows], tuple(plans), self.shape)

    def to(self, device: torch.device) -> Cut:
        """The same on another device."""
        return replace(self, before=self.before.to(device), noise=self.noise.to(device))

    def cores(self, blocks: Tensor) -> Tensor:
        """The 20 mm cores in blocks ``[b, *block]``: ``[b, z, y, x]``, what no generator sees."""
        return blocks[(slice(None), *self.plans[0].core_in_block)]

    def cubes(self, blocks: Tensor) -> Tensor:
        """The 32 mm cubes in blocks ``[b, *block]``, at 1 mm: ``[b, 32, 32, 32]``, HU."""
        return zoom(blocks[(slice(None), *self.plans[0].cube_in_block)], (SIDE, SIDE, SIDE))


def cut_plans(volume: Tensor, plans: Sequence[Plan]) -> Cut:
    """Cut what ``plans`` need out of a volume ``[z, y, x]`` in HU.

    Raises:
        PositionError: there are no plans, or they are not of one action, spacing and style.
    """
    if len({(p.action, p.cube, p.block, p.style) for p in plans}) != 1:
        raise PositionError(
            "the plans of one batch must share one action, one spacing and one style"
        )
    published = plans[0].style == "published"
    centres = [p.position for p in plans] + [p.noise or p.position for p in plans]
    outside = _PUBLISHED_OUTSIDE_HU if published else OUTSIDE_HU
    before, noise = cut_blocks(volume, centres, plans[0].block, outside).chunk(2)
    if not published:
        has_noise = torch.tensor([p.noise is not None for p in plans], device=volume.device)
        noise = lung_noise(noise) * has_noise[:, None, None, None]
    z, y, x = volume.shape
    return Cut(before, noise, tuple(plans), (z, y, x))


def paint_cut(cut: Cut, attacker: Attacker, shift: Shift = UNMOVED) -> Tensor:
    """Steps 1 to 6 on blocks that are already cut: all but the touch-up.

    Args:
        cut: from `cut_plans`.
        attacker: of the plans' action.
        shift: moves the cube by a part of a voxel ``[z, y, x]``; the published attacker, whose
            positions are whole voxels, has none.

    Returns:
        ``[b, *block]`` in HU, the 32 mm cubes repainted.

    Raises:
        PositionError: the plans say another action than the attacker's.
    """
    plan = cut.plans[0]
    if plan.action != attacker.action:
        raise PositionError(f"plans say {plan.action}, the attacker can {attacker.action}")
    where = (slice(None), *plan.cube_in_block)
    cubes = zoom(cut.before[where], (SIDE, SIDE, SIDE), shift)
    mend = repair_in_order if plan.style == "published" else repair
    repainted = attacker.repaint(cubes, mend, [p.seed for p in cut.plans])
    z, y, x = (-s * (SIDE - 1) / (n - 1) for s, n in zip(shift, plan.cube, strict=True))
    painted = cut.before.clone()
    painted[where] = zoom(repainted, plan.cube, (z, y, x))
    return painted


def tamper_cut(cut: Cut, attacker: Attacker, shift: Shift = UNMOVED) -> Tensor:
    """Steps 1 to 8 on blocks that are already cut: painted as `paint_cut` does, and touched up.

    Args:
        cut: from `cut_plans`.
        attacker: of the plans' action.
        shift: see `paint_cut`.

    Returns:
        ``[b, *block]`` in HU. In the published style NaN where its noise comes from no lung.

    Raises:
        PositionError: the plans say another action than the attacker's.
    """
    plan = cut.plans[0]
    painted = paint_cut(cut, attacker, shift)
    noise = cut.noise if plan.style == "repaired" else published_noise(_noise_blocks(cut, painted))
    return blend(cut.before, painted, noise, plan.action)


def _noise_blocks(cut: Cut, painted: Tensor) -> Tensor:
    """Where published noise comes from, with the painted cube in it as far as it reaches there."""
    sources = cut.noise.clone()
    for source, block, plan in zip(sources, painted, cut.plans, strict=True):
        inside, part = overlap(block_start(plan.position, plan.cube), plan.cube, cut.shape)
        origin = block_start(plan.noise or plan.position, plan.block)
        start = [s.start - o for s, o in zip(inside, origin, strict=True)]
        paste_block(source, block[plan.cube_in_block][part], start)
    return sources


def tamper_blocks(volume: Tensor, plans: Sequence[Plan], attacker: Attacker) -> Tensor:
    """Attack one scan at several positions, each on its own.

    The scan itself is neither changed nor copied.

    Args:
        volume: ``[z, y, x]`` in HU; gradients reach every voxel that an attack sees.
        plans: of one action, one spacing and one style, for this scan.
        attacker: of the same action.

    Returns:
        ``[b, *block]``, the tampered blocks in HU; `Plan.start` says where each belongs.

    Raises:
        PositionError: the plans do not belong together or to this attacker.
    """
    return tamper_cut(cut_plans(volume, plans), attacker)


def tamper(volume: Tensor, plan: Plan, attacker: Attacker, *, in_place: bool = False) -> Tensor:
    """Attack a scan ``[z, y, x]`` in HU at one position; no voxel outside the block changes.

    Args:
        volume: ``[z, y, x]`` in HU.
        plan: for this scan.
        attacker: of the plan's action.
        in_place: write into ``volume`` itself instead of a copy of it; most of the time of an
            attack on a whole scan is the copy's.

    Returns:
        The whole tampered scan.

    Raises:
        PositionError: the plan says another action than the attacker's.
    """
    block = tamper_blocks(volume, [plan], attacker)[0]
    tampered = volume if in_place else volume.clone()
    paste_block(tampered, block, plan.start)
    return tampered
