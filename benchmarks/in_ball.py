"""One ascent in one ball of the lung: how it was made, and what held-out attacks come to."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, TypeAlias

import numpy as np

from ascents import START, TEST_SEED, Passed, Site
from feature_target import features_moved
from mitsgan.anatomy.places import LungPositions
from mitsgan.attack import Action
from mitsgan.attack.objectives import Goal, objective_of
from mitsgan.attack.resample import Triple
from mitsgan.optimize import Around, Ascent, PositionDistribution
from mitsgan.perturb import Budget
from mitsgan.protect import RandomSign
from mitsgan.scan.scan import Scan
from struck import Bench, Met, Struck

AscentGoal: TypeAlias = Goal | Literal["features"]
"""What an ascent may be made for: `Goal`, or to move features of the attacker."""

OPEN_MM = 32.0
"""Larger balls reach far out of the lung."""

PARTS = (4, 2)
"""The first pair tests what there is after these parts of the steps, too."""


@dataclass(frozen=True)
class Ball:
    """Where attacks strike.

    Attributes:
        action: of the attackers.
        ball_mm: radius; 0 where the position is known, None for all of the lung. Of balls above
            `OPEN_MM` only what is lung.
        middle: number of its middle.
    """

    action: Action
    ball_mm: float | None
    middle: int


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
        attacks_per_cm3: of the ball, or of the lung; None where the position is known.
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
        start: the protector that it went on from.
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
    start: str = START

    @property
    def key(self) -> tuple[Ball, float, AscentGoal, bool, str]:
        """For what it is."""
        return self.ball, self.budget_hu, self.goal, self.varied, self.start


@dataclass(frozen=True, eq=False)
class InBall(Site):
    """Everything that cells in one ball share.

    Attributes:
        ball: where attacks strike.
        cm3: its volume.
    """

    ball: Ball
    cm3: float

    @classmethod
    def of(cls, bench: Bench, ball: Ball, centre: Triple, testers: Mapping[str, int]) -> InBall:
        """Around a voxel ``[z, y, x]``, tested by pairs at so many positions at most.

        Raises:
            PositionError: hardly any position in the ball can be attacked.
        """
        places: PositionDistribution
        if ball.ball_mm is None or ball.ball_mm > OPEN_MM:
            places = lung = _lung(bench.scan, centre, ball.ball_mm)
            cm3 = lung.volume_mm3 / 1000
        else:
            places = Around((centre,), bench.scan.spacing, ball.ball_mm)
            cm3 = 4 / 3 * math.pi * (ball.ball_mm / 10) ** 3
        there = bench.at(places, ball.action, (TEST_SEED, ball.middle), testers)
        return cls(bench, ball.action, places, there, ball, cm3)

    def controls(self, budget_hu: float) -> Controls:
        """What is no ascent."""
        budget, struck = Budget(budget_hu), self.testers.struck
        network, offset = struck(self.network(budget)), struck(self.offset(budget))
        return Controls(self.ball, budget_hu, self._untouched, network, offset)

    @cached_property
    def _untouched(self) -> Struck:
        return self.testers.struck(None)

    def cell(
        self, pair: str, budget_hu: float, goal: AscentGoal, ascent: Ascent, start: str = START
    ) -> Cell:
        """Go up one objective from what a protector adds, and test what that reached."""
        judges = [self.bench.classifier.network]
        objective = features_moved if goal == "features" else objective_of(goal, judges)
        climbed = self.climb([pair], objective, Budget(budget_hu), ascent, PARTS, start)
        reached = climbed.end.perturbation
        noise = RandomSign(self.testers.energy(reached), seed=TEST_SEED)
        return Cell(
            ball=self.ball,
            budget_hu=budget_hu,
            goal=goal,
            positions=ascent.positions,
            cpu_seconds=round(climbed.cpu_seconds, 1),
            curve=tuple(map(self._reached, climbed.passed)),
            struck=self.testers.struck(reached),
            noise=self.testers.struck(self.bench.perturbation(noise, budget_hu)),
            varied=ascent.varied,
            start=start,
        )

    def _reached(self, passed: Passed) -> Reached:
        per_cm3 = round(passed.attacks / self.cm3, 1) if self.cm3 else None
        met = self.testers.first(passed.perturbation)
        return Reached(passed.steps, passed.attacks, per_cm3, met)


def _lung(scan: Scan, centre: Triple, within_mm: float | None) -> LungPositions:
    """All of the lung, or what of it lies within so many mm of a voxel."""
    places = LungPositions.of(scan)
    if within_mm is None:
        return places
    lung = places.lung
    voxels = np.moveaxis(np.indices(lung.mask.shape), 0, -1) * lung.stride
    near = np.linalg.norm((voxels - centre) * scan.spacing, axis=-1) <= within_mm
    return replace(places, lung=replace(lung, mask=lung.mask & near))
