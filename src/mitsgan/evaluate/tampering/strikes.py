"""Simulated attacks on a marked scan, and which voxels of it they really replaced."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from mitsgan.attack import Attacker, Plan, cut_plans, hu_volume
from mitsgan.attack.tamper import paint_cut
from mitsgan.attack.touchup import blend
from mitsgan.evaluate.purify.filters import Array
from mitsgan.evaluate.tampering.manipulations import Mask, Position, keep_residual
from mitsgan.evaluate.tampering.paste import Box, paste
from mitsgan.scan.scan import Scan

Form = Literal["touched up", "core 10 mm", "core 16 mm", "core 20 mm", "residual kept"]
"""What is pasted: the attacker's whole block as it hands it in; the middle of what its generator
painted, without touch-up, so that every voxel of it is new; or the block with the scan's old fine
detail put back."""

CORES_MM: dict[Form, float] = {"core 10 mm": 10.0, "core 16 mm": 16.0, "core 20 mm": 20.0}

_BATCH = 8


@dataclass(frozen=True)
class Strike:
    """One attack at one position; blocks are ``[z, y, x]`` in HU.

    Attributes:
        plan: where and how.
        before: the marked scan there.
        painted: the generator's 32 mm cube in it.
        after: touched up, as the attacker hands it in.
        replaced: voxels of which, after the touch-up, less than half is left.
    """

    plan: Plan
    before: Array
    painted: Array
    after: Array
    replaced: Mask

    def block(self, form: Form, spacing: Sequence[float]) -> tuple[Array, Mask]:
        """What is pasted, and which of its voxels are replaced."""
        if form == "touched up":
            return self.after, self.replaced
        if form == "residual kept":
            return keep_residual(self.before, self.after), self.replaced
        inside = _middle(self.plan, spacing, CORES_MM[form])
        return np.where(inside, self.painted, self.before), inside

    def core(self) -> Box:
        """The 20 mm core as a box of the scan."""
        z, y, x = (
            slice(first + part.start, first + part.stop)
            for first, part in zip(self.plan.start, self.plan.core_in_block, strict=True)
        )
        return z, y, x


def strike(scan: Scan, plans: Sequence[Plan], attacker: Attacker) -> list[Strike]:
    """Attack a scan at every plan's position, each on its own.

    Raises:
        PositionError: the plans do not belong together or to this attacker.
    """
    volume = hu_volume(scan)
    strikes: list[Strike] = []
    for first in range(0, len(plans), _BATCH):
        chunk = plans[first : first + _BATCH]
        cut = cut_plans(volume, chunk)
        with torch.no_grad():
            painted = paint_cut(cut, attacker)
            after = blend(cut.before, painted, cut.noise, attacker.action)
            # What one HU more in the scan makes of the result tells how much of it is left.
            outside = torch.ones_like(painted)
            outside[(slice(None), *chunk[0].cube_in_block)] = 0
            probe = blend(cut.before + 1, painted + outside, cut.noise, attacker.action)
            left = probe - after
        for i, plan in enumerate(chunk):
            parts = (cut.before[i], painted[i], after[i])
            before, drawn, handed = (part.numpy().astype(np.float32) for part in parts)
            strikes.append(Strike(plan, before, drawn, handed, left[i].numpy() < 0.5))
    return strikes


def struck(scan: Scan, strikes: Sequence[Strike], form: Form) -> Scan:
    """The scan with blocks pasted that do not touch each other."""
    for one in strikes:
        scan = paste(scan, one.block(form, scan.spacing)[0], one.plan.start)
    return scan


def rounds(
    positions: Sequence[Position], spacing: Sequence[float], apart_mm: float
) -> list[list[int]]:
    """Share positions out to few rounds, those at a similar height together.

    Args:
        positions: voxels ``[z, y, x]``.
        spacing: mm ``[z, y, x]``.
        apart_mm: within a round, any two differ by this much along an axis.

    Returns:
        For each round, the numbers of its positions.
    """
    where = np.asarray(positions, np.float64) * np.asarray(spacing)
    shared: list[list[int]] = []
    for number in np.argsort(where[:, 0], kind="stable").tolist():
        for members in shared:
            if (np.abs(where[members] - where[number]).max(axis=1) >= apart_mm).all():
                members.append(number)
                break
        else:
            shared.append([number])
    return shared


def _middle(plan: Plan, spacing: Sequence[float], side_mm: float) -> Mask:
    """The middle ``side_mm`` of a block."""
    inside = np.zeros(plan.block, bool)
    box = []
    for part, step in zip(plan.cube_in_block, spacing, strict=True):
        size = max(1, round(side_mm / step))
        first = part.start + (part.stop - part.start - size) // 2
        box.append(slice(first, first + size))
    inside[tuple(box)] = True
    return inside
