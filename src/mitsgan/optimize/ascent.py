"""Gradient ascent of a scan's perturbation over a distribution of attacks.

Expectation over transformation (Athalye et al. 2018): every step draws new positions, and goes
up the disruption there. The steps are those of projected gradient ascent with momentum (Madry
et al. 2018, Dong et al. 2018), kept to the blocks that were attacked: none touches the whole
scan.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, median

import numpy as np
import torch
from torch import Tensor

from mitsgan.attack import BATCH, Plan, cut_blocks
from mitsgan.attack.cube import overlap
from mitsgan.errors import PositionError
from mitsgan.optimize.ground import Ground, Target

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Ascent:
    """How long and how a perturbation is optimised.

    Attributes:
        steps: gradient steps in all; the same seed gives the same perturbation.
        seconds: time in all, in place of a number of steps.
        batch: positions a step, all of one target; targets take turns.
        size: of the first step, as a part of the budget; it falls linearly to none.
        momentum: of the gradient.
        restarts: tries from other random numbers, which share the steps; the best counts.
        held_out: positions per target that restarts are compared at; no step uses them.
        seed: of positions and random starts.

    Raises:
        ValueError: not exactly one limit, or a number that makes no sense.
    """

    steps: int | None = None
    seconds: float | None = None
    batch: int = BATCH
    size: float = 0.25
    momentum: float = 0.9
    restarts: int = 1
    held_out: int = 16
    seed: int = 0

    def __post_init__(self) -> None:
        limits = [limit for limit in (self.steps, self.seconds) if limit is not None]
        if len(limits) != 1 or not limits[0] > 0:
            raise ValueError("give either a number of steps or of seconds, above 0")
        if min(self.batch, self.restarts, self.held_out) < 1 or not 0 <= self.momentum < 1:
            raise ValueError("batch, restarts and held_out are 1 or more, momentum is below 1")


def optimize(
    ground: Ground,
    targets: Sequence[Target],
    limit: Tensor | float,
    ascent: Ascent,
    *,
    start: Tensor | None = None,
    progress: Progress | None = None,
) -> Tensor:
    """A perturbation that disrupts attackers wherever in their places they strike.

    Args:
        ground: the scan.
        targets: attackers and their places; one named twice gets twice the steps.
        limit: the budget in HU: one number, or one per voxel (0 where nothing may change).
        ascent: how long and how.
        start: the perturbation to start from, kept wherever no attack looks; by default random
            numbers, and none where no attack looks.
        progress: called with what is done and what there is in all, in steps or in seconds.

    Returns:
        ``[z, y, x]``, whole HU within ``limit``.

    Raises:
        PositionError: no targets, or hardly any position of one can be attacked.
    """
    if not targets:
        raise PositionError("there is nothing to optimise against; name an attacker and its places")
    best, most = torch.zeros_like(ground.hu), -1.0
    for restart in range(ascent.restarts):
        found = _climb(ground, targets, limit, ascent, restart, start, progress)
        if ascent.restarts == 1:
            return found
        value = _held_out(ground, targets, ascent, found)
        if value > most:
            best, most = found, value
    return best


def _climb(
    ground: Ground,
    targets: Sequence[Target],
    limit: Tensor | float,
    ascent: Ascent,
    restart: int,
    start: Tensor | None,
    progress: Progress | None,
) -> Tensor:
    """One restart of `optimize`."""
    hu = ground.hu
    bound = torch.as_tensor(limit, dtype=hu.dtype, device=hu.device).floor().expand(hu.shape)
    rng = np.random.default_rng((ascent.seed, restart))
    if start is None:
        random = rng.random(hu.shape, np.float32)
        perturbation = torch.from_numpy(random).to(hu).mul_(2).sub_(1).mul_(bound)
    else:
        perturbation = start.to(hu, copy=True).clamp_(-bound, bound)
    # From numpy: its zeros take no memory where they are never written to.
    velocity = torch.from_numpy(np.zeros(hu.shape, np.float32)).to(hu)
    for step, over in enumerate(_fractions(ascent, restart, progress)):
        target = targets[step % len(targets)]
        plans = ground.plans(target, ascent.batch, rng)
        gradients = _gradients(ground, target, list(dict.fromkeys(plans)), perturbation)
        for plan, gradient in gradients.items():
            box, part = overlap(plan.start, plan.block, hu.shape)
            speed = velocity[box].mul_(ascent.momentum).add_(gradient[part])
            move = speed.sign().mul_(bound[box]).mul_(ascent.size * (1 - over))
            moved = perturbation[box].add_(move)
            torch.clamp(moved, -bound[box], bound[box], out=moved)
    if start is None:
        perturbation[velocity == 0] = 0
    return perturbation.round_()


def _gradients(
    ground: Ground, target: Target, plans: Sequence[Plan], perturbation: Tensor
) -> dict[Plan, Tensor]:
    """Of the disruption at each plan, in its block; of the same mean size for all."""
    centres = [plan.position for plan in plans]
    # What is stored are whole numbers: the step is judged by them, and taken where they come from.
    added = cut_blocks(perturbation, centres, plans[0].block, outside=0.0).round_()
    added.requires_grad_(True)
    strikes = ground.strikes(plans, target.attacker)
    cut = strikes.original
    rmse = strikes.rmse(replace(cut, before=cut.before + added))
    (gradient,) = torch.autograd.grad(rmse.sum(), added)
    size = gradient.abs().mean((1, 2, 3), keepdim=True)
    gradient /= size.clamp_min(torch.finfo(gradient.dtype).tiny)
    return dict(zip(plans, gradient, strict=True))


def _held_out(
    ground: Ground, targets: Sequence[Target], ascent: Ascent, perturbation: Tensor
) -> float:
    """The mean over targets of the median disruption at positions of their own."""
    values = []
    for number, target in enumerate(dict.fromkeys(targets)):
        rng = np.random.default_rng((ascent.seed, ascent.restarts, number))
        plans = ground.plans(target, ascent.held_out, rng)
        values.append(median(ground.disruption(perturbation, plans, target.attacker)))
    return fmean(values)


def _fractions(ascent: Ascent, restart: int, progress: Progress | None) -> Iterator[float]:
    """Before each step, the part of this restart that is over."""
    total = float(ascent.steps or ascent.seconds or 0)
    share = total / ascent.restarts
    begin, step = time.monotonic(), 0
    while True:
        done = step if ascent.steps else time.monotonic() - begin
        if progress is not None:
            progress(round(restart * share + min(done, share)), round(total))
        if done >= share:
            return
        yield done / share
        step += 1
