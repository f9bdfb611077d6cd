"""How far a perturbation can go where attackers answer in proportion: a bound by power iteration.

    python benchmarks/linear_bound.py SCAN --output docs/results/linear-bound.json

Small perturbations change what an attacker paints in proportion, by the Jacobian of the attack at
a position. What changes in the 20 mm core there is held against what noise of the same RMS changes,
and the RMS of this ratio over all positions in a ball is the perturbation's gain over noise. None
has more than the largest singular value of all Jacobians together. It is found by power iteration,
with products of Jacobians and vectors both ways, for more and more positions: it can fit each of
few, and not all of the ball. What was found is tried at positions that are drawn anew, beside
protectors and an offset, and as signs of the whole budget, where nothing is in proportion any
more. See docs/decisions/bound.md.

The result is written after every ball. `--resume` goes on with one that was cut, and adds what
other options ask for.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from ascents import TEST_SEED
from machine import machine
from measuring import add_resumable_output, exit_code, resumed, say
from mitsgan import __version__
from mitsgan.anatomy.places import LungPositions
from mitsgan.attack import ACTIONS, ATTACKERS, Action, Strikes, cut_blocks
from mitsgan.attack.resample import Triple
from mitsgan.files import read_scan
from mitsgan.jobs.outputs import check_file, scan_name, write_result
from mitsgan.optimize import Around, PositionDistribution, Threat
from mitsgan.protect import Offset, RandomSign
from mitsgan.protect.registry import load_protector
from mitsgan.result import Result, WeightsEntry
from objectives import MIDDLES, middles, weights
from struck import Bench

PAIRS = ("textured", "residual")
BALLS_MM = (0.0, 4.0, 16.0, 32.0, float("inf"))
"""Radii; infinite is anywhere in the lung."""

POSITIONS = (16, 64, 160)
FRESH = 48
ITERATIONS, CLOSE = 30, 0.01
"""Of power iteration: at most so many, until the gain rises by less than this part."""

BUDGET_HU = 10.0
PROTECTED_BY = ("mits-gan", "wave")
STEP_HU = 0.25
"""RMS of the step to either side by which a Jacobian's product is taken."""

_TRAIN_SEED, _NOISE_SEED, _NOISES = 5, 6, 8


@dataclass(frozen=True)
class Bound:
    """The most that a perturbation gains at some positions.

    Attributes:
        positions: so many at most; fewer where the ball holds fewer.
        iterations: until it rose no more.
        gain: over noise, at these positions.
        fresh_gain: of the same perturbation at positions drawn anew.
        signs_hu: of its signs at the whole budget, at these new positions: the median disruption,
            as attackers are, not in proportion.
    """

    positions: int
    iterations: int
    gain: float
    fresh_gain: float
    signs_hu: float


@dataclass(frozen=True)
class Ball:
    """One pair, one action, one ball.

    Attributes:
        pair, action: who strikes.
        ball_mm: within how much of the middle; None anywhere in the lung.
        bounds: for more and more positions.
        fresh: how many new positions.
        gains: over noise, of what is no optimum, at the new positions, in proportion.
        disruption_hu: of the same at the budget, as attackers are: the median.
    """

    pair: str
    action: Action
    ball_mm: float | None
    bounds: tuple[Bound, ...]
    fresh: int
    gains: dict[str, float]
    disruption_hu: dict[str, float]


@dataclass(frozen=True, kw_only=True)
class LinearBound(Result):
    """All balls on one scan.

    Attributes:
        middle: of the balls, voxel ``[z, y, x]``.
        budget_hu: of protectors, noise, offset and signs.
        weights: of attackers and protectors.
    """

    KIND: ClassVar[str] = "linear-bound"

    version: str = __version__
    scan: str
    spacing_mm: tuple[float, float, float]
    middle: Triple
    budget_hu: float
    machine: dict[str, Any]
    weights: tuple[WeightsEntry, ...]
    balls: tuple[Ball, ...] = ()

    def bare(self) -> LinearBound:
        """What must be the same where other balls are to stand beside those of this one."""
        return replace(self, machine={}, balls=())


@dataclass(frozen=True, eq=False)
class Jacobians:
    """Products with the Jacobians of attacks on a scan, at all positions together.

    Attributes:
        volume: the scan, ``[z, y, x]`` in HU.
        strikes: at the positions.
        seen: of the voxels, whether an attack sees it.
        noise: RMS of what noise of 1 HU changes in each core, ``[n]``; 1 before it is known.
    """

    volume: Tensor
    strikes: Strikes
    seen: Tensor
    noise: Tensor

    @classmethod
    def of(cls, volume: Tensor, strikes: Strikes) -> Jacobians:
        """Those of some attacks."""
        seen = torch.zeros(volume.shape, dtype=torch.bool)
        for plan in strikes.original.plans:
            corner = [p - n // 2 for p, n in zip(plan.position, plan.cube, strict=True)]
            box = (slice(max(c, 0), c + n) for c, n in zip(corner, plan.cube, strict=True))
            seen[tuple(box)] = True
        bare = cls(volume, strikes, seen, torch.ones(len(strikes)))
        random = torch.Generator().manual_seed(_NOISE_SEED)
        draws = [torch.randn(volume.shape, generator=random) for _ in range(_NOISES)]
        changes = torch.stack([torch.stack(list(bare._changes(one))) for one in draws])
        return replace(bare, noise=changes.square().mean((0, 2, 3, 4)).sqrt())

    def gain(self, perturbation: Tensor) -> float:
        """RMS over positions of what changes in a core, over what noise of its RMS changes."""
        changes = torch.stack(list(self._changes(perturbation)))
        changes /= perturbation[self.seen].square().mean().sqrt()
        return float((changes.square().mean((1, 2, 3)) / self.noise.square()).mean().sqrt())

    def best(self) -> tuple[Tensor, int]:
        """The perturbation of the largest gain, and after how many iterations."""
        random = torch.Generator().manual_seed(_TRAIN_SEED)
        perturbation = torch.randn(self.volume.shape, generator=random) * self.seen
        last = 0.0
        for iteration in range(1, ITERATIONS + 1):
            perturbation /= perturbation[self.seen].square().mean().sqrt()
            perturbation, gain = self._there_and_back(perturbation)
            if gain - last < CLOSE * gain:
                return perturbation, iteration
            last = gain
        return perturbation, ITERATIONS

    def _changes(self, perturbation: Tensor) -> Iterator[Tensor]:
        """Of every core, ``[z, y, x]`` in HU: the Jacobian times the perturbation."""
        step = STEP_HU / float(perturbation[self.seen].square().mean().sqrt())
        with torch.no_grad():
            for part in self.strikes.parts:
                before, moved = part.original.before, step * _blocks(perturbation, part)
                further, back = (
                    part.of(replace(part.original, before=changed))
                    for changed in (before + moved, before - moved)
                )
                yield from (further - back) / (2 * step)

    def _there_and_back(self, perturbation: Tensor) -> tuple[Tensor, float]:
        """The sum of all Jacobians, transposed, times what they make of the perturbation."""
        changes = torch.stack(list(self._changes(perturbation))) / self.noise[:, None, None, None]
        gain = float(changes.square().mean().sqrt())
        changes /= self.noise[:, None, None, None]
        volume = self.volume.clone().requires_grad_(True)
        first = 0
        for part in self.strikes.parts:  # one batch at a time: memory
            blocks = part.original.before + _blocks(volume - self.volume, part)
            (outcome,) = part.outcomes(replace(part.original, before=blocks))
            torch.autograd.backward((outcome.cores * changes[first : first + len(part)]).sum())
            first += len(part)
        assert volume.grad is not None
        return volume.grad * self.seen, gain


def _blocks(perturbation: Tensor, strikes: Strikes) -> Tensor:
    """What attacks see of a perturbation; what they take as noise from beside stays as it is."""
    plans = strikes.original.plans
    return cut_blocks(perturbation, [p.position for p in plans], plans[0].block, outside=0.0)


def measure(
    bench: Bench,
    result: LinearBound,
    balls: Sequence[tuple[str, Action, float]],
    counts: Sequence[int],
    fresh: int,
) -> Iterator[LinearBound]:
    """The result, each time with one of these balls more that it did not have."""
    there = {(one.pair, one.action, one.ball_mm) for one in result.balls}
    layers = {name: load_protector(name) for name in PROTECTED_BY}
    layers |= {"random signs": RandomSign(), "offset": Offset()}
    added = {name: bench.perturbation(layer, result.budget_hu) for name, layer in layers.items()}
    for pair, action, ball_mm in balls:
        if (pair, action, _written(ball_mm)) in there:
            continue
        say(f"{pair} {action}, {ball_mm:g} mm")
        ball = _ball(bench, result, (pair, action, ball_mm), counts, fresh, added)
        result = replace(result, balls=tuple(sorted((*result.balls, ball), key=_order)))
        yield result


def _order(ball: Ball) -> tuple[bool, str, str, float]:
    """The pair that networks are trained against first, and small balls."""
    return (
        ball.pair != PAIRS[0],
        ball.pair,
        ball.action,
        float("inf") if ball.ball_mm is None else ball.ball_mm,
    )


def _written(ball_mm: float) -> float | None:
    """A radius as results have it."""
    return ball_mm if np.isfinite(ball_mm) else None


def _ball(
    bench: Bench,
    head: LinearBound,
    which: tuple[str, Action, float],
    counts: Sequence[int],
    fresh: int,
    added: Mapping[str, Tensor],
) -> Ball:
    pair, action, ball_mm = which
    places: PositionDistribution = LungPositions.of(bench.scan)
    if np.isfinite(ball_mm):
        places = Around((head.middle,), bench.scan.spacing, ball_mm)
    tests = _jacobians(bench, places, pair, action, fresh, TEST_SEED)
    bounds: list[Bound] = []
    for count in counts:
        fitted = _jacobians(bench, places, pair, action, count, _TRAIN_SEED)
        if bounds and len(fitted.strikes) == bounds[-1].positions:
            break  # the ball holds no more
        best, iterations = fitted.best()
        signs = best.sign() * head.budget_hu
        bounds.append(
            Bound(
                positions=len(fitted.strikes),
                iterations=iterations,
                gain=round(fitted.gain(best), 3),
                fresh_gain=round(tests.gain(best), 3),
                signs_hu=_disruption_hu(tests, signs),
            )
        )
        say(f"  {bounds[-1]}")
    return Ball(
        pair=pair,
        action=action,
        ball_mm=_written(ball_mm),
        bounds=tuple(bounds),
        fresh=len(tests.strikes),
        gains={name: round(tests.gain(one), 3) for name, one in added.items()},
        disruption_hu={name: _disruption_hu(tests, one) for name, one in added.items()},
    )


def _disruption_hu(tests: Jacobians, perturbation: Tensor) -> float:
    with torch.no_grad():
        disrupted: list[float] = tests.strikes.rmse(tests.volume + perturbation).tolist()
    return round(median(disrupted), 2)


def _jacobians(
    bench: Bench, places: PositionDistribution, pair: str, action: Action, count: int, seed: int
) -> Jacobians:
    """At so many different positions, or as many as there are."""
    attacker = ATTACKERS.get(pair).make(action)
    rng = np.random.default_rng(seed)
    plans = bench.attacked.plans(Threat(attacker, places), count, rng)
    strikes = Strikes.at(bench.attacked.hu, list(dict.fromkeys(plans)), attacker)
    return Jacobians.of(bench.attacked.hu, strikes)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and write the result; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    add = parser.add_argument
    add("scan", type=Path, metavar="SCAN")
    add_resumable_output(parser)
    add("--pairs", nargs="+", default=PAIRS, metavar="NAME")
    add("--actions", nargs="+", choices=ACTIONS, default=ACTIONS)
    add("--balls", nargs="+", type=float, default=BALLS_MM, metavar="MM", help="inf: all lung")
    add("--positions", nargs="+", type=int, default=POSITIONS, metavar="N")
    add("--fresh", type=int, default=FRESH, help="new positions to try at")
    options = parser.parse_args(argv)
    return exit_code("linear_bound", lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    output: Path = options.output
    check_file(output, options.overwrite or options.resume, "output", source=options.scan)
    scan = read_scan(options.scan)
    result = LinearBound(
        scan=scan_name(options.scan),
        spacing_mm=scan.spacing,
        middle=middles(scan, MIDDLES)[0],
        budget_hu=BUDGET_HU,
        machine=machine(),
        weights=tuple(weights((*PAIRS, *options.pairs), ("mitsgan", "protector"))),
    )
    result = resumed(options, result, LinearBound.bare)
    balls = list(product(options.pairs, options.actions, options.balls))
    for more in measure(Bench.of(scan), result, balls, options.positions, options.fresh):
        write_result(output, more, overwrite=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
