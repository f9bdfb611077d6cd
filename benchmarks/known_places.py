"""Removals where nodules are known to be: ascents against one pair or three, plain or varied.

    python benchmarks/known_places.py SCAN --output docs/results/known-places/NAME.json
    python benchmarks/known_places.py SCAN --nodules LIST --output docs/results/known-places/NAME.json

Ascents draw positions within 3 mm of each nodule, of four that are planted or of those that
readers marked, and start from the network. What they reached is tested at positions that are drawn
anew there, by the three pairs and by two that took no part, and judged by two judges. Beside it
stand the scan as it was, random signs of equal RMSE, a constant offset of the budget, and the
network. See docs/decisions/known-places.md.

The result is written after every ascent. `--resume` goes on with one that was cut.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from ascents import ASCENT_SEED, TEST_SEED, Counted
from machine import machine
from measuring import exit_code, say
from mitsgan import __version__
from mitsgan.anatomy.candidates import find_candidates
from mitsgan.attack import ATTACKERS, hu_volume
from mitsgan.attack.objectives import Goal, objective_of
from mitsgan.errors import OutputError
from mitsgan.evaluate.attacks.healthy_lung import healthy_lung
from mitsgan.files import read_scan
from mitsgan.jobs.outputs import check_file, scan_name, write_result
from mitsgan.jobs.protect.refine import UNCERTAINTY_MM
from mitsgan.networks.classifier import NoduleClassifier
from mitsgan.optimize import Around, Ascent, AttackedScan, Threat, optimize
from mitsgan.optimize.gradients import Gradients
from mitsgan.perturb import Budget
from mitsgan.protect import MitsGan, Offset
from mitsgan.result import Result, WeightsEntry
from mitsgan.scan.canonical import canonical
from mitsgan.scan.scan import Scan
from objectives import weights
from planted import Nodule, listed, nearest_candidate, plant
from struck import Bench, Struck, Testers

PAIRS = ("textured", "smooth", "narrow")
"""That the network was trained against, and ascents are made against."""

TESTERS: Mapping[str, int] = {**dict.fromkeys(PAIRS, 32), "residual": 32, "diffusion": 16}
"""Pairs that test, and at how many positions at most; the last two took no part in anything."""

BUDGETS: Mapping[str, Budget] = {"10 HU": Budget(10.0), "0.5 sigma": Budget(30.0, 0.5)}
"""The second: half of the scan's own noise around each voxel, 30 HU at most."""

GOALS: tuple[Goal, ...] = ("distance", "remainder")

PARTS = (8, 4, 2, 1)
"""What there is after these parts of the steps is tested as well."""

STEPS, POSITIONS = 64, 8
"""Steps for each nodule, and positions in each of them, which all nodules share."""

TURNS = 9
"""How often an attack is timed."""


@dataclass(frozen=True)
class Way:
    """Whom an ascent is made against, and whether each attack is somewhat different."""

    pairs: tuple[str, ...]
    varied: bool = False


WAYS: Mapping[str, Way] = {
    "one pair": Way(PAIRS[:1]),
    "three pairs": Way(PAIRS),
    "three pairs, varied": Way(PAIRS, varied=True),
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
    """Milliseconds of processors for each attack by one pair, the median of several batches.

    Attributes:
        pair: of attackers.
        attack_ms: an attack and its disruption.
        gradient_ms: the same with the gradient, as ascents compute it.
    """

    pair: str
    attack_ms: float
    gradient_ms: float


@dataclass(frozen=True, kw_only=True)
class KnownPlaces(Result):
    """All ascents on one scan.

    Attributes:
        planted: whether its nodules are; else readers marked them.
        uncertainty_mm: from a nodule's middle, within which attacks strike.
        positions: that are tested at, voxels ``[z, y, x]``.
        seeds: of positions to test at, and of ascents.
        beside: what is no ascent.
    """

    KIND: ClassVar[str] = "known-places"

    version: str = __version__
    scan: str
    spacing_mm: tuple[float, float, float]
    planted: bool
    nodules: tuple[Nodule, ...]
    uncertainty_mm: float = UNCERTAINTY_MM
    positions: tuple[tuple[int, int, int], ...]
    seeds: tuple[int, int] = (TEST_SEED, ASCENT_SEED)
    weights: tuple[WeightsEntry, ...]
    machine: dict[str, Any]
    threads: int
    costs: tuple[Cost, ...] = ()
    beside: tuple[Beside, ...] = ()
    cells: tuple[Cell, ...] = ()

    def bare(self) -> KnownPlaces:
        """What must be the same where other cells are to stand beside those of this one."""
        return replace(self, machine={}, threads=0, costs=(), beside=(), cells=())


@dataclass(frozen=True, eq=False)
class Site:
    """A scan with nodules whose places are known."""

    bench: Bench
    places: Around
    testers: Testers

    @classmethod
    def of(cls, scan: Scan, untouched: Scan, nodules: Sequence[Nodule]) -> Site:
        """``untouched`` is the same before nodules were planted: healthy lung looks like that.

        Raises:
            PositionError: hardly any position can be attacked.
        """
        attacked = AttackedScan(hu_volume(scan), scan.spacing)
        bench = Bench(scan, attacked, NoduleClassifier.load(), healthy_lung(untouched))
        places = Around(tuple(one.voxel for one in nodules), scan.spacing, UNCERTAINTY_MM)
        return cls(bench, places, bench.at(places, "remove", (TEST_SEED,), TESTERS))

    def limit(self, budget: str) -> Tensor:
        """How far each voxel may move, ``[z, y, x]``, whole HU."""
        limits = np.asarray(BUDGETS[budget].limits(self.bench.scan), np.float32)
        return torch.from_numpy(limits).floor().expand(self.bench.attacked.hu.shape)

    def noise(self, budget: str, like: Tensor) -> Tensor:
        """Random signs, in proportion to what voxels may move, of the RMSE of ``like``.

        Sizes between two whole HU are mixed of both, so that rounding keeps the RMSE.
        """
        limit = self.limit(budget)
        size = limit * (self.testers.energy(like) / self.testers.energy(limit))
        random = torch.Generator().manual_seed(TEST_SEED)
        low = size.floor()
        more = torch.rand(size.shape, generator=random) < (size**2 - low**2) / (2 * low + 1)
        sign = torch.randint(0, 2, size.shape, generator=random) * 2 - 1
        return (low + more) * sign

    def beside(self, budget: str) -> Beside:
        """What is no ascent."""
        made = self.bench.perturbation
        network, struck = made(MitsGan.load(), BUDGETS[budget]), self.testers.struck
        return Beside(
            budget=budget,
            untouched=struck(None),
            network=struck(network),
            offset=struck(made(Offset(), BUDGETS[budget])),
            noise=struck(self.noise(budget, network)),
        )

    def cell(self, budget: str, name: str, goal: Goal, steps: int) -> Cell:
        """Go up one objective from the network's perturbation, and test what that reached."""
        seen: list[Point] = []
        objective, way = Counted(objective_of(goal)), WAYS[name]
        nodules = len(self.places.centres)
        measured = 0.0

        def watch(done: int, perturbation: Callable[[], Tensor]) -> None:
            nonlocal measured
            if done not in wanted:
                return
            before = process_time()
            reached = self.testers.disruption_hu(perturbation())
            seen.append(Point(round(objective.attacks / nodules, 1), reached))
            measured += process_time() - before

        wanted = {max(1, steps // part) for part in PARTS}
        threats = [
            Threat(ATTACKERS.get(pair).make("remove"), self.places, objective) for pair in way.pairs
        ]
        start = self.bench.perturbation(MitsGan.load(), BUDGETS[budget])
        begin = process_time()
        reached = optimize(
            AttackedScan(self.bench.attacked.hu, self.bench.scan.spacing),  # remembers no others
            threats,
            self.limit(budget),
            Ascent(steps=steps, positions=POSITIONS, varied=way.varied, seed=ASCENT_SEED),
            start=start,
            watch=watch,
        )
        seconds = process_time() - begin - measured
        return Cell(
            budget=budget,
            way=name,
            goal=goal,
            steps=steps,
            attacks=objective.attacks,
            cpu_seconds=round(seconds, 1),
            curve=tuple(seen),
            struck=self.testers.struck(reached),
            noise_hu=self.testers.disruption_hu(self.noise(budget, reached)),
        )


def costs(site: Site) -> Iterator[Cost]:
    """What an attack costs by each pair, without and with its gradient, in turn, on one thread."""
    scan = AttackedScan(site.bench.attacked.hu, site.bench.scan.spacing)
    still = torch.zeros_like(scan.hu)
    for pair in PAIRS:
        threat = Threat(ATTACKERS.get(pair).make("remove"), site.places)
        rng = np.random.default_rng(TEST_SEED)
        plans = list(dict.fromkeys(scan.plans(threat, POSITIONS, rng)))
        spent: list[tuple[float, float]] = []
        with Gradients(scan) as gradients:
            for _ in range(TURNS + 1):
                begin = process_time()
                scan.disruption(still, plans, threat.attacker)
                between = process_time()
                list(gradients.at(threat, plans, still, rng))
                spent.append((between - begin, process_time() - between))
        # The first turn is left out: it attacks the scan as it was, too.
        attack, gradient = (
            1000 * median(times) / len(plans) for times in zip(*spent[1:], strict=True)
        )
        yield Cost(pair, round(attack, 1), round(gradient, 1))


def planned(options: argparse.Namespace) -> Iterator[tuple[str, str, Goal]]:
    """Cells in the order in which they are measured."""
    yield from product(options.budgets, options.ways, options.goals)


def measure(site: Site, result: KnownPlaces, options: argparse.Namespace) -> Iterator[KnownPlaces]:
    """The result, each time with something more."""
    for budget, way, goal in planned(options):
        if (budget, way, goal) in {cell.key for cell in result.cells}:
            continue
        if budget not in {one.budget for one in result.beside}:
            result = replace(result, beside=(*result.beside, site.beside(budget)))
            yield result
        cell = site.cell(budget, way, goal, options.steps * len(result.nodules))
        result = replace(result, cells=(*result.cells, cell))
        over = {met.pair: met.disruption_hu / cell.noise_hu[met.pair] for met in cell.struck.met}
        shown = ", ".join(f"{pair} {gain:.2f}" for pair, gain in over.items())
        say(f"{result.scan}, {budget}, {way}, {goal}: {shown} times noise; {cell.cpu_seconds:g} s")
        yield result


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, and write the result after each ascent; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    add = parser.add_argument
    add("scan", type=Path, metavar="SCAN")
    add("--nodules", type=Path, nargs="+", metavar="LIST", help="known ones; else some are planted")
    add("--output", type=Path, required=True, metavar="FILE.json")
    add("--overwrite", action="store_true", help="replace an earlier output")
    add("--resume", action="store_true", help="keep the ascents of an earlier output, add others")
    add("--budgets", nargs="+", choices=list(BUDGETS), default=list(BUDGETS))
    add("--ways", nargs="+", choices=list(WAYS), default=list(WAYS))
    add("--goals", nargs="+", choices=GOALS, default=list(GOALS))
    add("--steps", type=int, default=STEPS, help=f"for each nodule, of {POSITIONS} positions")
    options = parser.parse_args(argv)
    return exit_code("known_places", lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    output: Path = options.output
    check_file(output, options.overwrite or options.resume, "output", source=options.scan)
    untouched = canonical(read_scan(options.scan))
    planted = options.nodules is None
    scan, nodules = plant(untouched) if planted else (untouched, listed(untouched, options.nodules))
    site = Site.of(scan, untouched, nodules)
    candidates = find_candidates(scan)
    result = KnownPlaces(
        scan=scan_name(options.scan),
        spacing_mm=scan.spacing,
        planted=planted,
        nodules=tuple(
            replace(one, candidate_mm=nearest_candidate(candidates, one.voxel, scan.spacing)[1])
            for one in nodules
        ),
        positions=tuple(plan.position for plan in site.testers.plans),
        weights=tuple(
            weights(
                TESTERS,
                ("mitsgan", "protector"),
                ("classifier", "classifier"),
                actions=("remove",),
            )
        ),
        machine=machine(),
        threads=torch.get_num_threads(),
    )
    if options.resume and output.exists():
        earlier = KnownPlaces.read(output)
        if earlier.bare() != result.bare():
            raise OutputError(
                f"{output} is of another scan, version or weights; name another file, or give "
                "`overwrite`"
            )
        result = earlier
    else:
        result = replace(result, costs=tuple(costs(site)))
    for more in measure(site, result, options):
        write_result(output, more, overwrite=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
