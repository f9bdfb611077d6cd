"""The table of docs/restore.md, drawn from docs/results/restore.json."""

from __future__ import annotations

import json

from drawing import plain
from result_tables import RESULTS

from mitsgan.evaluate.report.formatting import Cell
from mitsgan.evaluate.report.table import Column


def kept() -> str:
    """What keeping an original takes, by scan, budget and mark."""
    tree = json.loads((RESULTS / "restore.json").read_text(encoding="utf-8"))
    rows: list[list[Cell]] = []
    for entry in tree["results"]:
        z, y, x = entry["shape"]
        seconds = entry["seconds"]
        rows.append(
            [
                f"`{entry['scan']}`, {z} x {y} x {x}",
                f"{entry['max_hu']:g} HU",
                "yes" if entry["marked"] else "no",
                entry["kept_bytes"] / 1e6,
                100 * entry["share"],
                "yes" if entry["same_bytes"] else "no",
                seconds["keep"],
                seconds["restore"],
            ]
        )
    columns: list[str | Column] = ["scan", "budget", "marked"]
    columns += [Column("", "kept", "MB", digits=1), Column("", "of the voxels", "%", digits=1)]
    columns += ["every byte back", Column("", "keeping", "s", digits=0)]
    columns.append(Column("", "restoring", "s", digits=0))
    return plain(columns, rows)
