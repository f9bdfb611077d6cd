"""The whole CT-GAN pipeline as one differentiable function of the scan, batched over positions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from mitsgan.attack.attacker import Attacker
from mitsgan.attack.ctgan import SIDE
from mitsgan.attack.plan import Plan, block_start
from mitsgan.attack.resample import Shift, Triple, zoom
from mitsgan.attack.touchup import blend, lung_noise
from mitsgan.errors import PositionError

OUTSIDE_HU = -1000.0
"""What surrounds a scan. The published attacker pads with 0, that is water."""


def cut_blocks(
    volume: Tensor, centres: Sequence[Triple], size: Triple, outside: float = OUTSIDE_HU
) -> Tensor:
    """Blocks ``[b, *size]`` around ``centres`` of a volume ``[z, y, x]``, ``outside`` beyond it."""
    starts = [block_start(centre, size) for centre in centres]
    return torch.stack([_cut(volume, start, size, outside) for start in starts])


def _cut(volume: Tensor, start: Triple, size: Triple, outside: float) -> Tensor:
    inside, padding = [], []
    for first, n, length in zip(start, size, volume.shape, strict=True):
        low, high = min(max(first, 0), length), min(max(first + n, 0), length)
        before = min(max(-first, 0), n)  # all of it, where the block ends before the scan begins
        inside.append(slice(low, high))
        padding.append((before, n - before - (high - low)))
    block = volume[tuple(inside)]
    flat = [amount for pair in reversed(padding) for amount in pair]
    return F.pad(block, flat, value=outside) if any(flat) else block


@dataclass(frozen=True)
class Cut:
    """What one batch of attacks takes from a scan; blocks are ``[b, *block]`` in HU.

    Attributes:
        before: the blocks around the positions.
        noise: lung noise from beside them, zero where a plan names no lender.
        plans: of one action and one spacing.
    """

    before: Tensor
    noise: Tensor
    plans: tuple[Plan, ...]


def cut_plans(volume: Tensor, plans: Sequence[Plan]) -> Cut:
    """Cut what ``plans`` need out of a volume ``[z, y, x]`` in HU.

    Raises:
        PositionError: there are no plans, or they are not of one action and one spacing.
    """
    if len({(p.action, p.cube, p.block) for p in plans}) != 1:
        raise PositionError("the plans of one batch must share one action and one spacing")
    size = plans[0].block
    before = cut_blocks(volume, [p.position for p in plans], size)
    lenders = cut_blocks(volume, [p.noise or p.position for p in plans], size)
    lends = torch.tensor([p.noise is not None for p in plans], device=volume.device)
    return Cut(before, lung_noise(lenders) * lends[:, None, None, None], tuple(plans))


def tamper_cut(cut: Cut, attacker: Attacker, shift: Shift = (0.0, 0.0, 0.0)) -> Tensor:
    """Steps 2 to 8 on blocks that are already cut.

    Args:
        cut: from `cut_plans`.
        attacker: of the plans' action.
        shift: moves the cube by a part of a voxel ``[z, y, x]``; the published attacker, whose
            positions are whole voxels, has none.

    Returns:
        ``[b, *block]`` in HU.

    Raises:
        PositionError: the plans say another action than the attacker's.
    """
    plan = cut.plans[0]
    if plan.action != attacker.action:
        raise PositionError(f"plans say {plan.action}, the attacker can {attacker.action}")
    where = (slice(None), *plan.cube_in_block)
    repainted = attacker.repaint(zoom(cut.before[where], (SIDE, SIDE, SIDE), shift))
    z, y, x = (-s * (SIDE - 1) / (n - 1) for s, n in zip(shift, plan.cube, strict=True))
    painted = cut.before.clone()
    painted[where] = zoom(repainted, plan.cube, (z, y, x))
    return blend(cut.before, painted, cut.noise, plan.action)


def tamper_blocks(volume: Tensor, plans: Sequence[Plan], attacker: Attacker) -> Tensor:
    """Attack one scan at several positions, each on its own.

    Args:
        volume: ``[z, y, x]`` in HU; gradients reach every voxel that an attack sees.
        plans: of one action and one spacing, for this scan.
        attacker: of the same action.

    Returns:
        ``[b, *block]``, the tampered blocks in HU; `Plan.start` says where each belongs.

    Raises:
        PositionError: the plans do not belong together or to this attacker.
    """
    return tamper_cut(cut_plans(volume, plans), attacker)


def tamper(volume: Tensor, plan: Plan, attacker: Attacker) -> Tensor:
    """Attack a scan ``[z, y, x]`` in HU at one position; returns the whole tampered scan."""
    block = tamper_blocks(volume, [plan], attacker)[0]
    tampered = volume.clone()
    target, part = [], []
    for first, n, length in zip(plan.start, plan.block, volume.shape, strict=True):
        low, high = max(first, 0), min(first + n, length)
        target.append(slice(low, high))
        part.append(slice(low - first, high - first))
    tampered[tuple(target)] = block[tuple(part)]
    return tampered
