"""The table of docs/decisions/mark-wear.md, drawn from docs/results/mark-keys.json."""

from __future__ import annotations

from drawing import plain
from result_tables import read_result

from mitsgan.evaluate.report.formatting import Cell
from mitsgan.evaluate.report.table import Column


def keys() -> str:
    """What was said of scans under many keys, and how far keys differ."""
    tree = read_result("mark-keys")
    rows: list[list[Cell]] = []
    for name, parts in tree["scans"].items():
        for behind, part in parts.items():
            verdicts = ", ".join(f"{n} {verdict}" for verdict, n in part["verdicts"].items())
            checked = part["verified"]
            found = part.get("found")
            removals = "" if found is None else f"{_range(found)} of {part['of']}"
            shares = (100 * min(checked), 100 * max(checked))
            rows.append([f"`{name}`", behind, verdicts, *shares, removals])
    columns: list[str | Column] = ["scan", "untouched, and then", "verdicts"]
    columns += [Column("", f"could be checked, {end}", "%", digits=0) for end in ("least", "most")]
    return plain([*columns, "removals found, by key"], rows)


def _range(counts: list[int]) -> str:
    least, most = min(counts), max(counts)
    return str(least) if least == most else f"{least} to {most}"
