"""What the protection does at the median and at the worst place, as pictures, of a measured run.

    python benchmarks/counts_pictures.py --output docs/images/counts

Takes places from docs/results/counts, where each attack on each place was measured, repeats the
attack there, and refuses to draw where it does not come out as it was measured. What is painted
carries SIMULATED in its pixels. See docs/where-it-counts.md.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from measuring import exit_code, say
from mitsgan.atomic import atomic_output
from mitsgan.attack import Action
from mitsgan.errors import MitsganError
from mitsgan.evaluate.benchmark.config import BenchmarkConfig, BudgetEntry, GalleryEntry
from mitsgan.evaluate.benchmark.pictures import galleries
from mitsgan.evaluate.benchmark.reader import read_config
from mitsgan.evaluate.benchmark.worker import Order, Worker
from mitsgan.evaluate.report.pictures.gallery import Gallery
from mitsgan.evaluate.report.pictures.overview import overview
from mitsgan.jobs.benchmark_scans import load_subject

ROOT = Path(__file__).parents[1]
PROTECTOR, ATTACKER, BUDGET_HU = "MITS-GAN with waves", "textured", 10.0
SCANS = ("lungdx-a0001", "c3n-00247")

_SHOWN: tuple[tuple[Action, str], ...] = (("inject", ""), ("remove", ", planted nodules"))
"""Actions, and on which form of a scan: a removal has something to remove there."""

_LIKE = 0.1
"""How far a disruption may be off, as a share: machines round differently."""


@dataclass(frozen=True)
class Place:
    """One of the measured places."""

    label: str
    number: int
    disruption_hu: float


def places(rows: Sequence[dict[str, Any]], scan: str, action: Action) -> tuple[Place, Place]:
    """The median place and the worst for a defender, by how far the result came apart.

    Args:
        rows: results of the run.
        scan: its name there.
        action: what the attacker did.

    Raises:
        MitsganError: nothing was measured there.
    """
    wanted = {
        "kind": "attack",
        "scan": scan,
        "protector": PROTECTOR,
        "budget": f"{BUDGET_HU:g} HU",
        "control": None,
        "attacker": ATTACKER,
        "action": action,
        "variant": "plain",
        "purifier": "none",
    }
    found = [row for row in rows if wanted.items() <= row.items()]
    if not found:
        raise MitsganError(f"{scan}: {action} by {ATTACKER} was not measured; run the benchmark")
    values = max(found, key=lambda row: int(row["n"]))["disruption_rmse_hu"]
    order = np.argsort(values)
    of_median, worst = int(order[len(order) // 2]), int(order[0])
    return (
        Place(f"{action}, median", of_median, float(values[of_median])),
        Place(f"{action}, worst", worst, float(values[worst])),
    )


def _galleries(
    worker: Worker, config: BenchmarkConfig, rows: Sequence[dict[str, Any]], scan: str
) -> Iterator[tuple[str, Gallery]]:
    """Labels and pictures of one scan."""
    for action, form in _SHOWN:
        for place in places(rows, scan + form, action):
            say(f"{scan + form}: {place.label}")
            shown = GalleryEntry(
                scan=scan + form,
                protectors=(PROTECTOR,),
                attacker=ATTACKER,
                actions=(action,),
                budget=BudgetEntry(BUDGET_HU),
                position=place.number,
            )
            ((_, gallery),) = galleries(worker, replace(config, gallery=shown))
            now = gallery.attack.disruption_hu[1]
            if abs(now - place.disruption_hu) > _LIKE * place.disruption_hu:
                raise MitsganError(
                    f"{scan + form}: {place.label} was measured with {place.disruption_hu:.1f} HU "
                    f"and is {now:.1f} HU now; run the benchmark again"
                )
            yield place.label, gallery


def _run(options: argparse.Namespace) -> int:
    config = read_config(options.config, os.environ)
    worker = Worker(Order(config, load_subject))
    options.output.mkdir(parents=True, exist_ok=True)
    for scan in options.scans:
        lines = (options.results / f"results-{scan}.jsonl").read_text("utf-8").splitlines()
        rows = [json.loads(line).get("result", {}) for line in lines]
        drawn = dict(_galleries(worker, config, rows, scan))
        picture = overview(
            list(drawn.values()),
            BUDGET_HU,
            f"{scan}, {PROTECTOR} at {BUDGET_HU:g} HU, {ATTACKER}.",
            labels=list(drawn),
            planes=("axial",),
        )
        with atomic_output(options.output / f"{scan}.png", overwrite=True) as temporary:
            temporary.write_bytes(picture)
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Draw both scans; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--config", type=Path, default=ROOT / "benchmarks" / "counts.toml", metavar="FILE.toml")
    add("--results", type=Path, default=ROOT / "docs" / "results" / "counts", metavar="FOLDER")
    add("--scans", nargs="+", default=SCANS, metavar="NAME", help="of the run")
    add("--output", type=Path, required=True, metavar="FOLDER", help="for a PNG of each scan")
    options = parser.parse_args(argv)
    return exit_code("counts_pictures", lambda: _run(options))


if __name__ == "__main__":
    sys.exit(main())
