"""Tables of the diffusion attacker in docs/attackers.md, from docs/results/diffusion."""

from __future__ import annotations

from benchmark_digest import Row, protected_attack, rows_by_table
from drawing import plain
from result_tables import RESULTS

from mitsgan.evaluate.benchmark.result import Benchmark
from mitsgan.evaluate.report.formatting import Cell
from mitsgan.evaluate.report.table import Column

SUMMARY = RESULTS / "diffusion" / "summary.json"
SCAN = "lungdx-a0001"
POSITIONS = 48


def attacks() -> str:
    """What protectors do to attackers of both kinds, with controls."""
    rows = rows_by_table(Benchmark.read(SUMMARY))
    looks = {protected_attack(row): row for row in rows["appearance"]}
    columns = (
        *("protector", "attacker", "action"),
        Column("", "disruption", "HU", digits=0),
        Column("", "noise of equal RMSE", "HU", digits=0),
        Column("", "offset of equal RMSE", "HU", digits=0),
        Column("", "over noise", digits=2),
        "called a nodule: without, with it, %",
    )
    kept = ("disruption", "noise", "offset", "over_noise")
    return plain(
        columns,
        [
            [
                *protected_attack(row),
                *(row[key] for key in kept),
                _called(looks.get(protected_attack(row))),
            ]
            for row in rows[f"main-{SCAN}"]
            if row["n"] == POSITIONS
        ],
    )


def purified() -> str:
    """What is left of that behind a purifier."""
    columns = (
        *("protector", "purifier", "action"),
        Column("", "disruption", "HU", digits=0),
        Column("", "over noise", digits=2),
    )
    return plain(
        columns,
        [
            [row["protector"], f"`{row['purifier']}`", row["action"]]
            + [row[key] for key in ("disruption", "over_noise")]
            for row in rows_by_table(Benchmark.read(SUMMARY))["purifiers"]
            if row["attacker"] == "diffusion"
        ],
    )


def _called(row: Row | None) -> Cell:
    if row is None:
        return ""
    return f"{row['nodule_original']:.0f}, {row['nodule_protected']:.0f}"
