"""One ascent in one ball of the lung: how it was made, and what held-out attacks come to."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from threading import Lock
from time import process_time
from typing import Literal, TypeAlias

from torch import Tensor

from feature_target import features_moved
from mitsgan.attack import ATTACKERS, Action, Objective, Outcome
from mitsgan.attack.objectives import Goal, objective_of
from mitsgan.attack.resample import Triple
from mitsgan.optimize import Around, Ascent, AttackedScan, Threat, optimize
from mitsgan.protect import MitsGan, Offset, RandomSign
from struck import Bench, Met, Struck, Testers

AscentGoal: TypeAlias = Goal | Literal["features"]
"""What an ascent may be made for: `Goal`, or to move features of the attacker."""

TEST_SEED, ASCENT_SEED = 1, 0

PARTS = (4, 2, 1)
"""The first pair tests what there is after these parts of the steps."""


@dataclass(frozen=True)
class Ball:
    """Where attacks strike.

    Attributes:
        action: of the attackers.
        ball_mm: radius; 0 where the position is known.
        middle: number of its middle.
    """

    action: Action
    ball_mm: float
    middle: int

    @property
    def cm3(self) -> float:
        """Its volume."""
        return 4 / 3 * math.pi * (self.ball_mm / 10) ** 3


@dataclass(frozen=True)
class Controls:
    """What attacks in a ball come to on what is no ascent.

    Attributes:
        ball: where.
        budget_hu: of network and offset.
        untouched, network, offset: the scan as it was, protected, and with the budget added.
    """

    ball: Ball
    budget_hu: float
    untouched: Struck
    network: Struck
    offset: Struck


@dataclass(frozen=True)
class Reached:
    """How far an ascent is after some steps; before the last, its steps are still large.

    Attributes:
        steps, attacks: so many; a position that was drawn twice in one step is attacked once.
        attacks_per_cm3: of the ball; None where the position is known.
        met: what the pair makes of it that is optimised against.
    """

    steps: int
    attacks: int
    attacks_per_cm3: float | None
    met: Met


@dataclass(frozen=True)
class Cell:
    """One ascent.

    Attributes:
        ball, budget_hu, goal: for what.
        positions: drawn in each step.
        cpu_seconds: of the ascent alone.
        curve: after some of its steps, and after all.
        struck: what all pairs make of it.
        noise: and of random signs of the same RMSE.
        varied: whether every batch was attacked somewhat otherwise, see `mitsgan.optimize.Ascent`.
    """

    ball: Ball
    budget_hu: float
    goal: AscentGoal
    positions: int
    cpu_seconds: float
    curve: tuple[Reached, ...]
    struck: Struck
    noise: Struck
    varied: bool = False

    @property
    def key(self) -> tuple[Ball, float, AscentGoal, bool]:
        """For what it is."""
        return self.ball, self.budget_hu, self.goal, self.varied


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
class InBall:
    """Everything that cells in one ball share.

    Attributes:
        bench: the scan.
        ball, places: where attacks strike.
        held_out: attacks to test by.
    """

    bench: Bench
    ball: Ball
    places: Around
    held_out: Testers

    @classmethod
    def of(cls, bench: Bench, ball: Ball, centre: Triple, testers: Mapping[str, int]) -> InBall:
        """Around a voxel ``[z, y, x]``, tested by pairs at so many positions at most.

        Raises:
            PositionError: hardly any position in the ball can be attacked.
        """
        places = Around((centre,), bench.scan.spacing, ball.ball_mm)
        held_out = bench.at(places, ball.action, (TEST_SEED, ball.middle), testers)
        return cls(bench, ball, places, held_out)

    def controls(self, budget_hu: float) -> Controls:
        """What is no ascent."""
        network, offset = (
            self.held_out.struck(self.bench.perturbation(layer, budget_hu))
            for layer in (MitsGan.load(), Offset())
        )
        return Controls(self.ball, budget_hu, self._untouched, network, offset)

    @cached_property
    def _untouched(self) -> Struck:
        return self.held_out.struck(None)

    def cell(self, pair: str, budget_hu: float, goal: AscentGoal, ascent: Ascent) -> Cell:
        """Go up one objective from the network's perturbation, and test what that reached."""
        bench, seen = self.bench, dict[int, tuple[int, Tensor]]()
        objective = Counted(
            features_moved if goal == "features" else objective_of(goal, [bench.classifier.network])
        )
        attacker = ATTACKERS.get(pair).make(self.ball.action)

        def watch(done: int, perturbation: Callable[[], Tensor]) -> None:
            if done in wanted:
                seen[done] = objective.attacks, perturbation()

        wanted = {max(1, (ascent.steps or 1) // part) for part in PARTS}
        start = bench.perturbation(MitsGan.load(), budget_hu)
        begin = process_time()
        reached = optimize(
            AttackedScan(bench.attacked.hu, bench.scan.spacing),  # remembers nothing of others
            [Threat(attacker, self.places, objective)],
            budget_hu,
            ascent,
            start=start,
            watch=watch,
        )
        seconds = process_time() - begin
        noise = RandomSign(self.held_out.energy(reached), seed=TEST_SEED)
        return Cell(
            ball=self.ball,
            budget_hu=budget_hu,
            goal=goal,
            positions=ascent.positions,
            cpu_seconds=round(seconds, 1),
            curve=tuple(self._curve(seen)),
            struck=self.held_out.struck(reached),
            noise=self.held_out.struck(bench.perturbation(noise, budget_hu)),
            varied=ascent.varied,
        )

    def _curve(self, seen: Mapping[int, tuple[int, Tensor]]) -> Iterator[Reached]:
        for steps, (attacks, perturbation) in sorted(seen.items()):
            per_cm3 = round(attacks / self.ball.cm3, 1) if self.ball.ball_mm else None
            yield Reached(steps, attacks, per_cm3, self.held_out.first(perturbation))
