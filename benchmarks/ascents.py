"""Ascents for places of a scan, counted and timed, whose results are tested at the same places."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from threading import Lock
from time import process_time

import numpy as np
import torch
from torch import Tensor

from mitsgan.attack import ATTACKERS, Action, Objective, Outcome
from mitsgan.optimize import Ascent, AttackedScan, PositionDistribution, Threat, optimize
from mitsgan.perturb import Budget
from mitsgan.protect import PROTECTORS, Offset
from struck import Bench, Testers

TEST_SEED, ASCENT_SEED = 1, 0

START = "mits-gan"
"""The protector that ascents go on from, unless told otherwise."""


@dataclass(eq=False)
class Counted:
    """An objective that counts the attacks it is asked of."""

    objective: Objective
    attacks: int = 0
    _lock: Lock = field(default_factory=Lock)

    def __call__(self, outcome: Outcome) -> Tensor:
        """See `mitsgan.attack.Objective`."""
        with self._lock:
            self.attacks += len(outcome.tampered)
        return self.objective(outcome)


@dataclass(frozen=True, eq=False)
class Passed:
    """How far an ascent was on the way, or at its end.

    Attributes:
        steps, attacks: so many; a position that was drawn twice in one step is attacked once.
        stored: the perturbation of then, ``[z, y, x]`` in whole HU: 16 bits take half the memory.
    """

    steps: int
    attacks: int
    stored: Tensor

    @property
    def perturbation(self) -> Tensor:
        """The same as `mitsgan.optimize.optimize` returns it."""
        return self.stored.float()


@dataclass(frozen=True, eq=False)
class Climbed:
    """One ascent.

    Attributes:
        passed: after parts of its steps, and after all.
        cpu_seconds: of the ascent alone.
    """

    passed: tuple[Passed, ...]
    cpu_seconds: float

    @property
    def end(self) -> Passed:
        """What it came to."""
        return self.passed[-1]


@dataclass(frozen=True, eq=False)
class Site:
    """Places of a scan where attacks of one action strike.

    Attributes:
        bench: the scan.
        action: of all attackers.
        places: where they strike.
        testers: attacks there to test by.
    """

    bench: Bench
    action: Action
    places: PositionDistribution
    testers: Testers

    def network(self, budget: Budget) -> Tensor:
        """What the network adds, ``[z, y, x]`` in HU."""
        return self.protected(START, budget)

    def protected(self, protector: str, budget: Budget) -> Tensor:
        """What a protector adds, ``[z, y, x]`` in HU."""
        return self.bench.perturbation(PROTECTORS.get(protector).load(None, "cpu", seed=0), budget)

    def offset(self, budget: Budget) -> Tensor:
        """The budget added everywhere, ``[z, y, x]`` in HU."""
        return self.bench.perturbation(Offset(), budget)

    def limit(self, budget: Budget) -> Tensor:
        """How far each voxel may move, ``[z, y, x]``, whole HU."""
        limits = np.asarray(budget.limits(self.bench.scan), np.float32)
        return torch.from_numpy(limits).floor().expand(self.bench.attacked.hu.shape)

    def climb(
        self,
        pairs: Iterable[str],
        objective: Objective,
        budget: Budget,
        ascent: Ascent,
        parts: Iterable[int],
        start: str = START,
    ) -> Climbed:
        """Go up an objective against pairs of attackers.

        Args:
            pairs: take turns.
            objective: of the attacks at the places.
            budget: of perturbation and start.
            ascent: of so many steps, not seconds.
            parts: what there is after these parts of the steps is kept beside the end.
            start: the protector whose perturbation it goes on from.
        """
        counted, passed = Counted(objective), list[Passed]()
        steps = ascent.steps or 0
        wanted = {steps, *(max(1, steps // part) for part in parts)}

        def watch(done: int, perturbation: Callable[[], Tensor]) -> None:
            if done in wanted:
                kept = perturbation().to(torch.int16)
                passed.append(Passed(done, counted.attacks, kept))

        threats = [
            Threat(ATTACKERS.get(pair).make(self.action), self.places, counted) for pair in pairs
        ]
        limit, begun = self.limit(budget), self.protected(start, budget)
        begin = process_time()
        optimize(
            AttackedScan(self.bench.attacked.hu, self.bench.scan.spacing),  # remembers no others
            threats,
            limit,
            ascent,
            start=begun,
            watch=watch,
        )
        return Climbed(tuple(passed), process_time() - begin)
