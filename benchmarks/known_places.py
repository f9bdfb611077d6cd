"""Removals where nodules are known to be: ascents against one pair or three, plain or varied.

    python benchmarks/known_places.py SCAN --output FILE.json
    python benchmarks/known_places.py SCAN --nodules LIST --output FILE.json

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
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any, ClassVar

import torch

from ascents import ASCENT_SEED, TEST_SEED
from known_site import (
    BUDGETS,
    GOALS,
    POSITIONS,
    TESTERS,
    WAYS,
    Beside,
    Cell,
    Cost,
    KnownSite,
    costs,
)
from machine import machine
from measuring import add_resumable_output, exit_code, resumed, say
from mitsgan import __version__
from mitsgan.anatomy.candidates import find_candidates
from mitsgan.attack.objectives import Goal
from mitsgan.files import read_scan
from mitsgan.jobs.outputs import check_file, scan_name, write_result
from mitsgan.optimize.removals import UNCERTAINTY_MM
from mitsgan.result import Result, WeightsEntry
from objectives import weights
from planted import Nodule, listed, nearest_candidate, plant

STEPS = 64
"""Of an ascent, for each nodule."""


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


def planned(options: argparse.Namespace) -> Iterator[tuple[str, str, Goal]]:
    """Cells in the order in which they are measured."""
    for budget, way, goal in product(options.budgets, options.ways, options.goals):
        if goal == "remainder" or not WAYS[way].diverse:
            yield budget, way, goal


def measure(
    site: KnownSite, result: KnownPlaces, options: argparse.Namespace
) -> Iterator[KnownPlaces]:
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
    add_resumable_output(parser)
    add("--budgets", nargs="+", choices=list(BUDGETS), default=list(BUDGETS))
    add("--ways", nargs="+", choices=list(WAYS), default=list(WAYS))
    add("--goals", nargs="+", choices=GOALS, default=list(GOALS))
    add("--steps", type=int, default=STEPS, help=f"for each nodule, of {POSITIONS} positions")
    options = parser.parse_args(argv)
    return exit_code("known_places", lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    output: Path = options.output
    check_file(output, options.overwrite or options.resume, "output", source=options.scan)
    untouched = read_scan(options.scan)
    planted = options.nodules is None
    scan, nodules = plant(untouched) if planted else (untouched, listed(untouched, options.nodules))
    site = KnownSite.of(scan, untouched, nodules)
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
    result = resumed(options, result, KnownPlaces.bare)
    if not result.costs:
        result = replace(result, costs=tuple(costs(site)))
        write_result(output, result, overwrite=True)
    for more in measure(site, result, options):
        write_result(output, more, overwrite=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
