"""A scan with nodules whose places are known: ascents there, and what held-out removals come to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from itertools import product
from statistics import median
from time import process_time

import numpy as np
import torch
from torch import Tensor

from ascents import ASCENT_SEED, TEST_SEED, Passed, Site
from diverse import more_remainder
from mitsgan.attack import ATTACKERS, Strikes, hu_volume
from mitsgan.attack.objectives import Goal, distance, objective_of
from mitsgan.evaluate.attacks.healthy_lung import healthy_lung
from mitsgan.networks.classifier import NoduleClassifier
from mitsgan.networks.precision import half_where_fast
from mitsgan.optimize import Around, Ascent, AttackedScan, Threat
from mitsgan.optimize.removals import UNCERTAINTY_MM
from mitsgan.perturb import Budget
from mitsgan.scan.scan import Scan
from planted import Nodule
from struck import Bench, Struck

PAIRS = ("textured", "smooth", "narrow")
"""That the network was trained against, and ascents are made against."""

TESTERS: Mapping[str, int] = {**dict.fromkeys(PAIRS, 32), "residual": 32, "diffusion": 16}
"""Pairs that test, and at how many positions at most; the last two took no part in anything."""

BUDGETS: Mapping[str, Budget] = {"10 HU": Budget(10.0), "0.5 sigma": Budget(30.0, 0.5)}
"""The second: half of the scan's own noise around each voxel, 30 HU at most."""

GOALS: tuple[Goal, ...] = ("distance", "remainder")

PARTS = (8, 4, 2)
"""What there is after these parts of the steps is tested, too."""

POSITIONS = 8
"""Drawn in each step; all nodules share them."""

TURNS = 9
"""How often an attack is timed."""


@dataclass(frozen=True)
class Way:
    """Whom an ascent is made against, and whether each attack is somewhat different.

    Attributes:
        pairs: of attackers, in turn.
        varied: scans are shifted and processed, see `mitsgan.optimize.Ascent`.
        diverse: networks are otherwise, see `diverse`; against what a removal leaves alone.
    """

    pairs: tuple[str, ...]
    varied: bool = False
    diverse: bool = False


WAYS: Mapping[str, Way] = {
    "one pair": Way(PAIRS[:1]),
    "three pairs": Way(PAIRS),
    "three pairs, varied": Way(PAIRS, varied=True),
    "three pairs, diverse": Way(PAIRS, diverse=True),
}


@dataclass(frozen=True)
class Beside:
    """What attacks come to on what is no ascent.

    Attributes:
        budget: of `BUDGETS`.
        untouched, network, offset: the scan as it was, protected, and with the budget added.
        noise: random signs of the RMSE of the network.
    """

    budget: str
    untouched: Struck
    network: Struck
    offset: Struck
    noise: Struck


@dataclass(frozen=True)
class Point:
    """How far an ascent was on the way; before the last point its steps are still large.

    Attributes:
        attacks: so many on each nodule, in the mean.
        disruption_hu: by each pair, the median.
    """

    attacks: float
    disruption_hu: dict[str, float]


@dataclass(frozen=True)
class Cell:
    """One ascent.

    Attributes:
        budget, way, goal: of `BUDGETS`, `WAYS` and `GOALS`.
        steps: of 8 positions each, which all nodules share.
        attacks: in all; a position that was drawn twice in one step is attacked once.
        cpu_seconds: of the ascent alone.
        curve: after parts of its steps, and after all.
        struck: what all pairs make of it.
        noise_hu: what they make of random signs of its RMSE, the median disruption.
    """

    budget: str
    way: str
    goal: Goal
    steps: int
    attacks: int
    cpu_seconds: float
    curve: tuple[Point, ...]
    struck: Struck
    noise_hu: dict[str, float]

    @property
    def key(self) -> tuple[str, str, Goal]:
        """For what it is."""
        return self.budget, self.way, self.goal


@dataclass(frozen=True)
class Cost:
    """Milliseconds of one thread for each attack by one pair, the median of several batches.

    Attributes:
        pair: of attackers.
        attack_ms, gradient_ms: an attack on blocks that are cut, without and with its gradient, in
            full precision.
        half_attack_ms, half_gradient_ms: the same as ascents compute it, in bfloat16 where that is
            native.
    """

    pair: str
    attack_ms: float
    gradient_ms: float
    half_attack_ms: float
    half_gradient_ms: float


@dataclass(frozen=True, eq=False)
class KnownSite(Site):
    """A scan with nodules whose places are known."""

    places: Around

    @classmethod
    def of(cls, scan: Scan, untouched: Scan, nodules: Sequence[Nodule]) -> KnownSite:
        """``untouched`` is the same before nodules were planted: healthy lung looks like that.

        Raises:
            PositionError: hardly any position can be attacked.
        """
        attacked = AttackedScan(hu_volume(scan), scan.spacing)
        bench = Bench(scan, attacked, NoduleClassifier.load(), healthy_lung(untouched))
        places = Around(tuple(one.voxel for one in nodules), scan.spacing, UNCERTAINTY_MM)
        return cls(bench, "remove", places, bench.at(places, "remove", (TEST_SEED,), TESTERS))

    def noise(self, budget: str, like: Tensor) -> Tensor:
        """Random signs, in proportion to what voxels may move, of the RMSE of ``like``.

        Sizes between two whole HU are mixed of both, so that rounding keeps the RMSE.
        """
        limit = self.limit(BUDGETS[budget])
        size = limit * (self.testers.energy(like) / self.testers.energy(limit))
        random = torch.Generator().manual_seed(TEST_SEED)
        low = size.floor()
        more = torch.rand(size.shape, generator=random) < (size**2 - low**2) / (2 * low + 1)
        sign = torch.randint(0, 2, size.shape, generator=random) * 2 - 1
        return (low + more) * sign

    def beside(self, budget: str) -> Beside:
        """What is no ascent."""
        network, struck = self.network(BUDGETS[budget]), self.testers.struck
        return Beside(
            budget=budget,
            untouched=struck(None),
            network=struck(network),
            offset=struck(self.offset(BUDGETS[budget])),
            noise=struck(self.noise(budget, network)),
        )

    def cell(self, budget: str, name: str, goal: Goal, steps: int) -> Cell:
        """Go up one objective from the network's perturbation, and test what that reached."""
        way = WAYS[name]
        ascent = Ascent(steps=steps, positions=POSITIONS, varied=way.varied, seed=ASCENT_SEED)
        objective = more_remainder if way.diverse else objective_of(goal)
        climbed = self.climb(way.pairs, objective, BUDGETS[budget], ascent, PARTS)
        reached = climbed.end.perturbation
        with _one_thread():  # as all stored curves were: cores differ in the last digit
            curve = tuple(map(self._point, climbed.passed))
        return Cell(
            budget=budget,
            way=name,
            goal=goal,
            steps=steps,
            attacks=climbed.end.attacks,
            cpu_seconds=round(climbed.cpu_seconds, 1),
            curve=curve,
            struck=self.testers.struck(reached),
            noise_hu=self.testers.disruption_hu(self.noise(budget, reached)),
        )

    def _point(self, passed: Passed) -> Point:
        attacks = round(passed.attacks / len(self.places.centres), 1)
        return Point(attacks, self.testers.disruption_hu(passed.perturbation))


def costs(site: KnownSite) -> Iterator[Cost]:
    """What an attack costs by each pair, without and with its gradient, in turn, on one thread."""
    scan = AttackedScan(site.bench.attacked.hu, site.bench.scan.spacing)
    for pair in PAIRS:
        threat = Threat(ATTACKERS.get(pair).make("remove"), site.places)
        plans = scan.plans(threat, POSITIONS, np.random.default_rng(TEST_SEED))
        strikes = Strikes.at(scan.hu, plans, threat.attacker)
        spent: list[list[float]] = []
        with _one_thread():
            for _ in range(TURNS + 1):
                ways = product((False, True), (False, True))
                spent.append([_spent(strikes, half, gradient) for half, gradient in ways])
        # The first turn is left out: it attacks the scan as it was, too.
        turns = zip(*spent[1:], strict=True)
        yield Cost(pair, *(round(1000 * median(turn) / len(plans), 1) for turn in turns))


@contextmanager
def _one_thread() -> Iterator[None]:
    """Torch computes on one core meanwhile."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _spent(strikes: Strikes, half: bool, with_gradient: bool) -> float:
    """Seconds of processors for one batch."""
    before = strikes.original.before
    begin = process_time()
    added = torch.zeros_like(before, requires_grad=with_gradient)
    changed = replace(strikes.original, before=before + added)
    with torch.set_grad_enabled(with_gradient):
        with half_where_fast(before.device) if half else nullcontext():
            value = strikes.values(changed, distance)
        if with_gradient:
            torch.autograd.grad(value.sum(), added)
    return process_time() - begin
