"""What a perturbation reaches where position and attacker are known: an upper control."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor

from mitsgan.attack import Cut, Strikes, cut_blocks
from mitsgan.protect.pgd import pgd


def perturb_known(
    strikes: Strikes,
    max_hu: float | Tensor,
    *,
    steps: int,
    seed: int,
) -> Cut:
    """What the attacks take from the scan, each with a perturbation of its own.

    Not a protection: whoever protects does not know where the attack comes.

    Args:
        strikes: the attacks.
        max_hu: the budget: one number, or one for every voxel of the scan ``[z, y, x]``.
        steps: gradient steps.
        seed: of the random starts.
    """
    blocks = torch.cat(list(_perturbed(strikes, max_hu, steps, seed)))
    return replace(strikes.original, before=blocks)


def _perturbed(strikes: Strikes, max_hu: float | Tensor, steps: int, seed: int) -> Iterator[Tensor]:
    for number, part in enumerate(strikes.parts):
        cut, bound = part.original, max_hu
        if isinstance(max_hu, Tensor):
            centres = [plan.position for plan in cut.plans]
            bound = cut_blocks(max_hu, centres, cut.plans[0].block, outside=0.0)

        def value(hu: Tensor, part: Strikes = part, cut: Cut = cut) -> Tensor:
            return part.rmse(replace(cut, before=hu))

        added = pgd(cut.before, value, bound, steps=steps, seed=seed + number)
        yield cut.before + added
