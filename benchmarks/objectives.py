"""What a perturbation should be made for: ascents for each objective, at equal numbers of attacks.

    python benchmarks/objectives.py SCAN --output docs/results/objectives.json

Around a place in the lung, or in all of it, an ascent draws positions and goes up one objective
against one pair of attackers: the same positions for every objective. What it reached is tested at
positions that are drawn anew from the same ball, by that pair and by two that are held out, and
judged by two judges. Beside it stand the scan as it was, the network, a constant offset of the
budget, and random signs of the same RMSE. See docs/decisions/objective.md.

The result is written after every ascent. `--resume` goes on with one that was cut, and adds what
other options ask for.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from time import monotonic
from typing import Any, ClassVar

import numpy as np
import torch

from ascents import ASCENT_SEED, START, TEST_SEED
from in_ball import AscentGoal, Ball, Cell, Controls, InBall
from machine import machine
from measuring import add_resumable_output, exit_code, resumed, say
from mitsgan import __version__
from mitsgan.anatomy.places import LungPositions, deep_lung
from mitsgan.attack import ACTIONS, Action, surrogate_path
from mitsgan.attack.resample import Triple
from mitsgan.attack.surrogates import SURROGATES
from mitsgan.errors import PositionError
from mitsgan.files import read_scan
from mitsgan.jobs.outputs import check_file, scan_name, write_result
from mitsgan.networks import Kind, load_weights, shipped
from mitsgan.optimize import Ascent
from mitsgan.result import Result, WeightsEntry
from mitsgan.scan.scan import Scan
from struck import Bench

PAIR = "textured"
"""That is optimised against."""

TESTERS: Mapping[str, int] = {PAIR: 48, "residual": 48, "diffusion": 24}
"""Pairs that test, and at how many positions at most: one that draws out of noise takes a dozen
times as long."""

GOALS: Mapping[Action, tuple[AscentGoal, ...]] = {
    "inject": ("distance", "excess", "judged", "features"),
    "remove": ("distance", "remainder", "judged", "features"),
}
BUDGETS_HU = (10.0, 25.0)

EFFORTS: Mapping[float, tuple[int, int]] = {
    16.0: (96, 16),
    4.0: (32, 24),
    32.0: (256, 18),
    8.0: (64, 20),
    2.0: (16, 32),
    1.0: (8, 40),
    0.0: (1, 40),
}
"""Positions a step, and steps, by the radius of the ball in mm."""

STARTS = (START, "wave")
"""Protectors that ascents may go on from."""

ALL_LUNG = float("inf")
"""In place of a radius, on the command line."""

LUNG_MM = 48.0
"""A ball three times as wide as the cubes that attackers see, of which only lung counts."""

LUNG_STEPS, LUNG_PER_CM3 = 18, 1.0
"""In the lung, all or within `LUNG_MM`: steps, and positions a step in each cm3; half as dense as
within 32 mm."""

DEPTH_MM, APART_MM, MIDDLES, MIDDLES_SEED = 20.0, 40.0, 3, 2
"""Of the balls: how deep in the lung, how far apart, how many."""

_DRAWN = 300


@dataclass(frozen=True, kw_only=True)
class Objectives(Result):
    """All ascents on one scan.

    Attributes:
        pair: of attackers that is optimised against.
        middles: of the balls, voxels ``[z, y, x]``.
        seeds: of these, of the positions to test at, and of ascents.
    """

    KIND: ClassVar[str] = "objectives"

    version: str = __version__
    scan: str
    spacing_mm: tuple[float, float, float]
    pair: str
    middles: tuple[Triple, ...]
    seeds: tuple[int, int, int] = (MIDDLES_SEED, TEST_SEED, ASCENT_SEED)
    weights: tuple[WeightsEntry, ...]
    machine: dict[str, Any]
    threads: int
    controls: tuple[Controls, ...] = ()
    cells: tuple[Cell, ...] = ()

    def bare(self) -> Objectives:
        """What must be the same where other cells are to stand beside those of this one."""
        return replace(self, machine={}, threads=0, controls=(), cells=())

    def of(self, ball: Ball, budget_hu: float) -> Controls | None:
        """The controls of cells, if they were measured."""
        found = (c for c in self.controls if (c.ball, c.budget_hu) == (ball, budget_hu))
        return next(found, None)


def middles(scan: Scan, count: int) -> tuple[Triple, ...]:
    """Voxels ``[z, y, x]`` deep in the lung, and far from each other.

    Raises:
        PositionError: there is no lung so deep.
        ScanError: there is no lung.
    """
    deep = LungPositions(deep_lung(scan, DEPTH_MM), scan.spacing, scan.shape)
    found: list[Triple] = []
    for position in deep.some(_DRAWN, np.random.default_rng(MIDDLES_SEED), 10 * _DRAWN):
        gaps = [np.linalg.norm(np.subtract(position, one) * scan.spacing) for one in found]
        if all(gap >= APART_MM for gap in gaps):
            found.append(position)
        if len(found) == count:
            return tuple(found)
    raise PositionError(
        f"only {len(found)} of {count} positions lie {DEPTH_MM:g} mm deep in the lung and "
        f"{APART_MM:g} mm apart; give a scan with more of it"
    )


def weights(
    pairs: Iterable[str], *others: tuple[str, Kind], actions: Sequence[Action] = ACTIONS
) -> Iterator[WeightsEntry]:
    """Of others that take part, by name and kind, and of the pairs of attackers."""
    strikers = [pair for pair in SURROGATES if pair in pairs]
    attackers: list[tuple[str, Kind]] = [
        (surrogate_path(pair, action).stem, "attacker") for pair in strikers for action in actions
    ]
    for name, kind in (*others, *attackers):
        yield WeightsEntry.of(load_weights(shipped(name), kind)[1], None, name)


def planned(options: argparse.Namespace) -> Iterator[tuple[Ball, float, AscentGoal]]:
    """Cells in the order in which they are measured: those that tell most come first."""
    for middle, ball_mm, action in product(options.middles, options.balls, options.actions):
        for budget_hu, goal in product(options.budgets, GOALS[action]):
            if goal in options.goals:
                within = None if ball_mm == ALL_LUNG else ball_mm
                yield Ball(action, within, middle), budget_hu, goal


def measure(bench: Bench, result: Objectives, options: argparse.Namespace) -> Iterator[Objectives]:
    """The result, each time with one cell more."""
    begin = monotonic()
    at: InBall | None = None
    for ball, budget_hu, goal in planned(options):
        if (ball, budget_hu, goal, options.varied, options.start) in {
            cell.key for cell in result.cells
        }:
            continue
        if options.seconds is not None and monotonic() - begin > options.seconds:
            say("the time is over; `--resume` goes on")
            return
        if at is None or at.ball != ball:
            at = InBall.of(bench, ball, result.middles[ball.middle], TESTERS)
        if result.of(ball, budget_hu) is None:
            result = replace(result, controls=(*result.controls, at.controls(budget_hu)))
        positions, steps = _effort(at)
        share = options.effort
        ascent = Ascent(
            steps=max(1, round(steps * share)),
            positions=max(1, round(positions * share)),
            seed=ASCENT_SEED,
            varied=options.varied,
        )
        cell = at.cell(PAIR, budget_hu, goal, ascent, options.start)
        met, noise = cell.struck.met[0], cell.noise.met[0]
        say(
            f"{ball}, {budget_hu:g} HU, {goal}: {met.disruption_hu:g} HU, noise "
            f"{noise.disruption_hu:g} HU, {cell.cpu_seconds:g} s"
        )
        result = replace(result, cells=(*result.cells, cell))
        yield result


def _effort(at: InBall) -> tuple[int, int]:
    """Positions a step, and steps."""
    in_lung = round(LUNG_PER_CM3 * at.cm3), LUNG_STEPS
    return in_lung if at.ball.ball_mm is None else EFFORTS.get(at.ball.ball_mm, in_lung)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, and write the result after each cell; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    add = parser.add_argument
    goals = list(dict.fromkeys(goal for goals in GOALS.values() for goal in goals))
    add("scan", type=Path, metavar="SCAN")
    add_resumable_output(parser)
    add("--actions", nargs="+", choices=ACTIONS, default=list(ACTIONS))
    add(
        *("--balls",),
        nargs="+",
        type=float,
        choices=[*EFFORTS, LUNG_MM, ALL_LUNG],
        default=list(EFFORTS),
        help=f"radii in mm; {LUNG_MM:g}: the lung within it; inf: all of the lung",
    )
    add("--budgets", nargs="+", type=float, default=list(BUDGETS_HU), metavar="HU")
    add("--goals", nargs="+", choices=goals, default=goals)
    add("--varied", action="store_true", help="attack every batch somewhat otherwise")
    add("--start", choices=STARTS, default=START, help="what ascents go on from")
    add("--middles", nargs="+", type=int, choices=range(MIDDLES), default=[0])
    add("--effort", type=float, default=1.0, help="part of the positions a step, and of the steps")
    add("--seconds", type=float, help="begin no cell after so many")
    options = parser.parse_args(argv)
    return exit_code("objectives", lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    output: Path = options.output
    check_file(output, options.overwrite or options.resume, "output", source=options.scan)
    scan = read_scan(options.scan)
    result = Objectives(
        scan=scan_name(options.scan),
        spacing_mm=scan.spacing,
        pair=PAIR,
        middles=middles(scan, MIDDLES),
        weights=tuple(weights(TESTERS, ("mitsgan", "protector"), ("classifier", "classifier"))),
        machine=machine(),
        threads=torch.get_num_threads(),
    )
    result = resumed(options, result, Objectives.bare)
    for more in measure(Bench.of(scan), result, options):
        write_result(output, more, overwrite=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
