"""Gradient ascent of a scan's perturbation over a distribution of attacks.

Expectation over transformation (Athalye et al. 2018): every step draws new positions, and goes
up the objective there. The steps are those of projected gradient ascent with momentum (Madry
et al. 2018, Dong et al. 2018), kept to the blocks that were attacked: none touches the whole
scan.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from mitsgan.attack import BATCH
from mitsgan.attack.cube import overlap
from mitsgan.errors import PositionError, SettingsError
from mitsgan.optimize.attacked_scan import AttackedScan, Threat
from mitsgan.optimize.checkpoint import Checkpoint
from mitsgan.optimize.gradients import Gradients
from mitsgan.progress import Steps
from mitsgan.settings import Settings, a_seed, at_least

SAVE_SECONDS = 60.0
"""How often an ascent that is to be resumable is saved."""

_TELLING = 32
"""So many draws tell places from others."""

Watch: TypeAlias = Callable[[int, Callable[[], Tensor]], None]
"""Told how many steps are done, and what makes the perturbation of then, as an ascent that ended
there would return it; on the way its steps are still large."""


@dataclass(frozen=True)
class Ascent(Settings):
    """How long and how a perturbation is optimised.

    Raises:
        SettingsError: not exactly one limit, or a number that makes no sense.
    """

    steps: int | None = None
    """Gradient steps in all; the same seed gives the same perturbation."""
    seconds: float | None = None
    """Time in all, in place of a number of steps."""
    positions: int = BATCH
    """Attacks a step, all of one threat; threats take turns."""
    size: float = 0.25
    """Of the first step, as a part of the budget; it falls linearly to none."""
    momentum: float = 0.9
    """Of the gradient."""
    varied: bool = False
    """Attack somewhat otherwise in every step, see `mitsgan.attack.variety`: what is found then
    carries over better to attackers that were not there."""
    seed: int = 0
    """Of positions and random starts."""

    def __post_init__(self) -> None:
        super().__post_init__()
        limits = [limit for limit in (self.steps, self.seconds) if limit is not None]
        if len(limits) != 1 or not limits[0] > 0:
            raise SettingsError("give either `steps` or `seconds`, above 0")
        at_least("positions", self.positions, 1)
        a_seed("seed", self.seed)
        if not (0 <= self.momentum < 1 and self.size > 0):
            raise SettingsError("`momentum` lies between 0 and 1, `size` above 0")


def optimize(
    scan: AttackedScan,
    threats: Sequence[Threat],
    limit: Tensor | float,
    ascent: Ascent,
    *,
    start: Tensor | None = None,
    progress: Steps | None = None,
    checkpoint: Path | None = None,
    watch: Watch | None = None,
) -> Tensor:
    """A perturbation that disrupts attackers wherever in their places they strike.

    On the CPU attacks are computed on as many threads as torch is given; the result is the same
    for any number of them.

    Args:
        scan: the scan.
        threats: attackers and their places; one named twice gets twice the steps.
        limit: the budget in HU: one number, or one per voxel (0 where nothing may change).
        ascent: how long and how.
        start: the perturbation to start from, kept wherever no attack looks; by default random
            numbers, and none where no attack looks.
        progress: called with what is done and what there is in all, in steps or in seconds.
        checkpoint: a file to go on from, if it is there, and to save to every minute, where the
            work is interrupted and at the end; who has kept the result may delete it.
        watch: looks at the perturbation after a step, where it wants to.

    Returns:
        ``[z, y, x]``, whole HU within ``limit``.

    Raises:
        PositionError: no threats, or hardly any position of one can be attacked.
        DataError: the checkpoint is of another scan or ascent, or is damaged.
    """
    if not threats:
        raise PositionError("there is nothing to optimise against; name an attacker and its places")
    climb = _Climb(scan, limit, ascent, start)
    saved = Checkpoint(checkpoint, climb.fingerprint(threats))
    saved.load(climb.state)
    try:
        with Gradients(scan, varied=ascent.varied) as gradients:
            for over in _fractions(ascent, climb.state, progress):
                climb.step(threats, gradients, over)
                if watch is not None:
                    watch(climb.state.step, climb.perturbation)
                saved.save(climb.state, SAVE_SECONDS)
    finally:
        saved.save(climb.state)
    return climb.perturbation()


@dataclass
class State:
    """What an ascent goes on from.

    Attributes:
        perturbation: ``[z, y, x]`` in HU, not yet in whole ones.
        velocity: the gradient with its momentum.
        touched: the number of the last step that changed a voxel, 0 where none did.
        rng: draws positions; ``drawn`` is its state after the last whole step.
        step: steps done.
        seconds: how long they took.
        is_whole: no step is half done.
    """

    perturbation: Tensor
    velocity: Tensor
    touched: Tensor
    rng: np.random.Generator
    drawn: Mapping[str, Any]
    step: int = 0
    seconds: float = 0.0
    is_whole: bool = True


class _Climb:
    """One ascent: its state, and how a step changes it."""

    def __init__(
        self, scan: AttackedScan, limit: Tensor | float, ascent: Ascent, start: Tensor | None
    ) -> None:
        self.scan, self.ascent, self.start = scan, ascent, start
        hu = scan.hu
        self.bound = torch.as_tensor(limit, dtype=hu.dtype, device=hu.device)
        self.bound = self.bound.floor().expand(hu.shape)
        rng = np.random.default_rng(ascent.seed)
        if start is None:
            random = rng.random(hu.shape, np.float32)
            perturbation = torch.from_numpy(random).to(hu).mul_(2).sub_(1).mul_(self.bound)
        else:
            perturbation = start.to(hu, copy=True).clamp_(-self.bound, self.bound)
        # From numpy: its zeros take no memory where they are never written to.
        velocity, self._gradient = (
            torch.from_numpy(np.zeros(hu.shape, np.float32)).to(hu) for _ in range(2)
        )
        touched = torch.from_numpy(np.zeros(hu.shape, np.int32)).to(hu.device)
        self.state = State(perturbation, velocity, touched, rng, rng.bit_generator.state)

    def fingerprint(self, threats: Sequence[Threat]) -> tuple[object, ...]:
        """What must be the same where an ascent is resumed; how long it takes may be another."""
        means = [
            None if values is None else float(values.mean(dtype=torch.float64))
            for values in (self.scan.hu, self.bound, self.start)
        ]
        how = replace(self.ascent, steps=1, seconds=None)
        return *self.scan.hu.shape, means, [_named(one) for one in threats], asdict(how)

    def step(self, threats: Sequence[Threat], gradients: Gradients, over: float) -> None:
        """Draw positions and go up there; ``over`` is the part of the ascent that is done."""
        state, ascent = self.state, self.ascent
        threat = threats[state.step % len(threats)]
        plans = list(dict.fromkeys(self.scan.plans(threat, ascent.positions, state.rng)))
        number, boxes = state.step + 1, []
        for plan, block in gradients.at(threat, plans, state.perturbation, state.rng):
            box, part = overlap(plan.start, plan.block, self.scan.hu.shape)
            self._gradient[box] += block[part]
            boxes.append(box)
        state.is_whole = False
        for box in boxes:  # where they overlap, the first moves what they share
            fresh = state.touched[box] != number
            gradient = self._gradient[box]
            speed = state.velocity[box]
            speed = torch.where(fresh, speed * ascent.momentum + gradient, speed)
            state.velocity[box] = speed
            size = fresh * self.bound[box] * (ascent.size * (1 - over))
            moved = state.perturbation[box] + speed.sign() * size
            state.perturbation[box] = moved.clamp(-self.bound[box], self.bound[box])
            state.touched[box] = number
        for box in boxes:
            self._gradient[box] = 0
        state.step, state.drawn, state.is_whole = number, state.rng.bit_generator.state, True

    def perturbation(self) -> Tensor:
        """In whole HU; without a start, none where no attack looked."""
        rounded = self.state.perturbation.round()
        if self.start is None:
            rounded[self.state.touched == 0] = 0
        return rounded


def _named(threat: Threat) -> tuple[object, ...]:
    """What tells a threat from others: places of any kind by the first that they draw."""
    drawn = islice(threat.places.draw(np.random.default_rng(0)), _TELLING)
    first = [[int(at) for at in place] for place in drawn]
    goal = getattr(threat.objective, "__qualname__", type(threat.objective).__qualname__)
    return threat.attacker.name, threat.attacker.action, first, goal


def _fractions(ascent: Ascent, state: State, progress: Steps | None) -> Iterator[float]:
    """Before each step, the part of the ascent that is over."""
    total = float(ascent.steps or ascent.seconds or 0)
    begin = time.monotonic() - state.seconds
    while True:
        state.seconds = time.monotonic() - begin
        done = state.step if ascent.steps else state.seconds
        if progress is not None:
            progress(round(min(done, total)), round(total))
        if done >= total:
            return
        yield done / total
