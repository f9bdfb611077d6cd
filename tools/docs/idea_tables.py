"""Tables of docs/decisions/ideas.md, from docs/results/ideas."""

from __future__ import annotations

import json

import numpy as np
from benchmark_digest import Row, protected_attack, rows_by_table
from drawing import plain
from result_tables import RESULTS

from mitsgan.evaluate.benchmark.result import Benchmark
from mitsgan.evaluate.report.formatting import Cell
from mitsgan.evaluate.report.table import Column

FOLDER = RESULTS / "ideas"
SCAN = "lungdx-a0001"

Attack = tuple[Cell, ...]


def ideas() -> str:
    """What each idea comes to beside the network, and how many attacks fail."""
    rows = rows_by_table(Benchmark.read(FOLDER / "summary.json"))
    failures = {protected_attack(row): row for row in rows["failures"]}
    strongest = _strongest_tenth()
    columns = (
        *("protector", "attackers", "action"),
        Column("", "disruption", "HU", digits=0),
        Column("", "over noise", digits=2),
        Column("", "a tenth of attacks above", "HU", digits=0),
        Column("", "least of all", "HU", digits=1),
        "failed by the classifier: without, with it, %",
        "failed by measurement: without, with it, %",
    )
    made: list[list[Cell]] = []
    for row in rows[f"main-{SCAN}"]:
        attack = protected_attack(row)
        made.append(
            [
                *attack,
                row["disruption"],
                row["over_noise"],
                strongest[attack],
                row["worst"],
                *(_both(failures[attack], judge) for judge in ("classifier", "measurement")),
            ]
        )
    return plain(columns, made)


def _strongest_tenth() -> dict[Attack, float]:
    """The ninth decile of the disruption, HU, of what protects, controls left out."""
    lines = (FOLDER / "results.jsonl").read_text().splitlines()
    results = [json.loads(line).get("result", {}) for line in lines]
    return {
        protected_attack(result): float(np.percentile(result["disruption_rmse_hu"], 90))
        for result in results
        if result.get("kind") == "attack" and result["control"] is None
    }


def _both(row: Row, judge: str) -> str:
    return f"{row[f'{judge}_original']:.0f}, {row[f'{judge}_protected']:.0f}"
