"""The table of docs/decisions/mark-grain.md, drawn from docs/results/mark-louder.json."""

from __future__ import annotations

import json
from collections import Counter

from drawing import plain
from result_tables import RESULTS

from mitsgan.evaluate.report.formatting import Cell

_SCAN = "lidc-0001"
_OUTCOMES = ("found", "not checked", "missed")


def louder() -> str:
    """What became of cubes repainted over the mark, by what was painted and the cube's side."""
    tree = json.loads((RESULTS / "mark-louder.json").read_text(encoding="utf-8"))
    sides = [f"{side:g} mm" for side in tree["config"]["sides_mm"]]
    rows: list[list[Cell]] = []
    for paint, cells in tree["scans"][_SCAN]["paints"].items():
        counts = {side: Counter[str]() for side in sides}
        for cell, outcomes in cells.items():
            if cell != "verdict":
                counts[cell.rsplit(", ", 1)[1]].update(outcomes)
        rows.append([paint, *(_outcomes(counts[side]) for side in sides)])
    return plain(["repainted with", *sides], rows)


def _outcomes(counts: Counter[str]) -> str:
    return ", ".join(f"{counts[name]} {name}" for name in _OUTCOMES if counts[name])
