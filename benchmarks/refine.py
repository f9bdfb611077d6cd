"""What optimising a perturbation for one scan is worth: over the lung, around nodules, per mm.

    python benchmarks/refine.py SCAN --output docs/results/refine.json

`--parts` measures some of it anew and keeps the rest of an earlier output.
Steps are counted, and the processor's seconds beside them: on a busy machine only these tell
what a step costs. See docs/refine.md.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median
from time import process_time

import numpy as np
import torch
from torch import Tensor

from machine import machine
from measuring import exit_code, result_head, say
from mitsgan.anatomy.candidates import find_candidates
from mitsgan.anatomy.places import LungPositions, lung_positions
from mitsgan.attack import ACTIONS, SURROGATES, Attacker, TrainedAttacker, hu_volume, surrogate_path
from mitsgan.errors import OutputError
from mitsgan.files import read_scan
from mitsgan.jobs.outputs import check_file, scan_name, write_json
from mitsgan.networks import load_weights, shipped
from mitsgan.optimize import (
    Around,
    Ascent,
    AttackedScan,
    PositionDistribution,
    Threat,
    optimize_scan,
    position_uncertainty,
)
from mitsgan.perturb import Budget, Perturbation, apply_perturbations
from mitsgan.protect import MitsGan, RandomSign
from mitsgan.scan.scan import Scan
from planted import DIAMETERS_MM, nearest_candidate, plant

Json = dict[str, object]
PARTS = ("nodules", "uncertainty", "lung")
UNCERTAINTIES_MM = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0)
CANDIDATE_MM = 3.0
TEST_SEED, CENTRES_SEED = 1, 2


@dataclass(frozen=True)
class Bench:
    """One scan, and who attacks it."""

    scan: Scan
    injector: Attacker
    remover: Attacker
    budget: Budget

    def volume(self, layer: Perturbation | None = None) -> Tensor:
        """HU of the scan, with a layer applied or without."""
        scan = (
            self.scan
            if layer is None
            else apply_perturbations(self.scan, [layer], self.budget).scan
        )
        return hu_volume(scan)

    def reached(
        self, layer: Perturbation, places: PositionDistribution, attackers: Sequence[Attacker]
    ) -> Json:
        """Median disruption in HU at held-out positions, for each attacker."""
        attacked = AttackedScan(self.volume(), self.scan.spacing)
        perturbation = self.volume(layer) - attacked.hu
        found: Json = {}
        for attacker in attackers:
            rng = np.random.default_rng((TEST_SEED, 1))
            plans = attacked.plans(Threat(attacker, places), 48, rng)
            values = attacked.disruption(perturbation, plans, attacker)
            found[attacker.name] = {"median": median(values), "least": min(values), "n": 48}
        found["whole_scan_rmse_hu"] = float(perturbation.square().mean().sqrt())
        return found


def over_lung(bench: Bench, steps: Sequence[int]) -> list[Json]:
    """Random signs, the network, PGD and the refined network, at unseen lung positions."""
    places = LungPositions.of(bench.scan)
    attackers = (bench.injector, bench.remover)
    threats = [Threat(attacker, places) for attacker in attackers]
    return _compared(bench, threats, places, attackers, steps)


def around_nodules(bench: Bench, steps: Sequence[int]) -> Json:
    """The same at candidate places near planted nodules, against removal."""
    scan, nodules = plant(bench.scan)
    planted = Bench(scan, bench.injector, bench.remover, bench.budget)
    found = find_candidates(planted.scan)
    nearest = [nearest_candidate(found, one.voxel, scan.spacing) for one in nodules]
    places, away = [one.position for one, _ in nearest], [gap for _, gap in nearest]
    around = Around(tuple(places), bench.scan.spacing, CANDIDATE_MM)
    others = [
        TrainedAttacker.load(surrogate_path(name, "remove"))
        for name in SURROGATES
        if name != "textured"
    ]
    rows = _compared(
        planted, [Threat(bench.remover, around)], around, (bench.remover, *others), steps
    )
    return {
        "diameters_mm": DIAMETERS_MM,
        "candidates": len(found),
        "nearest_candidate_mm": away,
        "uncertainty_mm": CANDIDATE_MM,
        "rows": rows,
    }


def _compared(
    bench: Bench,
    threats: Sequence[Threat],
    places: PositionDistribution,
    attackers: Sequence[Attacker],
    steps: Sequence[int],
) -> list[Json]:
    network = MitsGan.load()
    sign = RandomSign(bench.budget.max_hu)
    rows: list[Json] = []

    def row(method: str, layer: Perturbation, count: int, seconds: float) -> None:
        reached = bench.reached(layer, places, attackers)
        rows.append({"method": method, "steps": count, "cpu_seconds": seconds, "reached": reached})
        say(json.dumps(rows[-1]))

    row("random sign", sign, 0, 0.0)
    begin = process_time()
    apply_perturbations(bench.scan, [network], bench.budget)
    row("network", network, 0, round(process_time() - begin, 1))
    for count in steps:
        starts: tuple[tuple[str, Perturbation | None], ...] = (("pgd", None), ("refined", network))
        for method, start in starts:
            begin = process_time()
            made = optimize_scan(
                bench.scan, threats, bench.budget, Ascent(steps=count), layer=start
            )
            row(method, made, count, round(process_time() - begin, 1))
    return rows


def per_mm(bench: Bench, centres: int, steps: int) -> list[Json]:
    """Means over centres of the curve of disruption over position uncertainty."""
    perturbations = {
        name: bench.volume(layer) - bench.volume()
        for name, layer in (
            ("network", MitsGan.load()),
            ("random sign", RandomSign(bench.budget.max_hu)),
        )
    }
    points: list[Json] = []
    for attacker in (bench.injector, bench.remover):
        rows = position_uncertainty(
            bench.scan,
            attacker,
            lung_positions(bench.scan, centres, CENTRES_SEED),
            UNCERTAINTIES_MM,
            max_hu=bench.budget.max_hu,
            steps=steps,
            draws=8,
            seed=0,
            perturbations=perturbations,
        )
        for method in ("pgd", *perturbations):
            for radius in UNCERTAINTIES_MM:
                values = [
                    row["rmse_hu"]
                    for row in rows
                    if (row["method"], row["uncertainty_mm"]) == (method, radius)
                ]
                points.append(
                    {
                        "action": attacker.action,
                        "method": method,
                        "uncertainty_mm": radius,
                        "rmse_hu": fmean(values),
                        "centres_rmse_hu": values,
                    }
                )
                say(json.dumps(points[-1]))
    return points


def main(argv: Sequence[str] | None = None) -> int:
    """Measure the parts of a scan that arguments name; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("scan", type=Path)
    parser.add_argument("--output", type=Path, required=True, metavar="FILE.json")
    parser.add_argument("--max-hu", type=float, default=10.0)
    parser.add_argument("--lung-steps", type=int, nargs="*", default=(600, 3000))
    parser.add_argument("--nodule-steps", type=int, nargs="*", default=(120, 480))
    parser.add_argument("--centres", type=int, default=4)
    parser.add_argument("--centre-steps", type=int, default=60)
    parser.add_argument("--parts", nargs="*", choices=PARTS, default=PARTS)
    options = parser.parse_args(argv)
    return exit_code("refine", lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    check_file(options.output, True, "output", source=options.scan)
    head = _head(scan_name(options.scan), options.max_hu)
    result: Json = {
        **_earlier(options.output, head),
        **head,
        "machine": machine(),
        "threads": torch.get_num_threads(),
    }
    injector, remover = (
        TrainedAttacker.load(surrogate_path("textured", action)) for action in ACTIONS
    )
    bench = Bench(read_scan(options.scan), injector, remover, Budget(options.max_hu))
    for part in options.parts:
        if part == "nodules":
            result[part] = around_nodules(bench, options.nodule_steps)
        elif part == "uncertainty":
            points = per_mm(bench, options.centres, options.centre_steps)
            result[part] = {"steps": options.centre_steps, "points": points}
        else:
            result[part] = {"rows": over_lung(bench, options.lung_steps)}
        write_json(options.output, result, overwrite=True)
    return 0


def _head(scan: str, max_hu: float) -> Json:
    """What must be the same where parts of an earlier output are kept."""
    return {
        **result_head("refinement"),
        "scan": scan,
        "budget_hu": max_hu,
        "weights": {
            name: load_weights(shipped(name), kind)[1]["sha256"]
            for name, kind in (
                ("mitsgan", "protector"),
                ("injector-textured", "attacker"),
                ("remover-textured", "attacker"),
            )
        },
    }


def _earlier(output: Path, head: Json) -> Json:
    """What an earlier output says, if there is one.

    Raises:
        OutputError: it is of something else.
    """
    if not output.exists():
        return {}
    earlier: Json = json.loads(output.read_text("utf-8"))
    if any(earlier.get(name) != value for name, value in head.items()):
        raise OutputError(
            f"{output} is of another scan, budget, version or weights; name another file"
        )
    return earlier


if __name__ == "__main__":
    sys.exit(main())
