"""A summary without pictures: as Markdown, as one long CSV, as JSON."""

from __future__ import annotations

import csv
import json
from dataclasses import asdict
from io import StringIO

from mitsgan.evaluate.report.content import Summary, Table
from mitsgan.evaluate.report.formatting import column_decimals, is_number, printed
from mitsgan.evaluate.report.provenance import facts

LONG = ("table", "title", "row", "column", "label", "unit", "value")
"""Columns of the CSV: one line per cell, so that tables of any shape share one file."""


def csv_report(summary: Summary) -> str:
    """Every cell of every table and curve on a line of its own, at full precision."""
    held = StringIO()
    writer = csv.writer(held, lineterminator="\n")
    writer.writerow(LONG)
    for table in (summary.headline_table, *summary.all_tables):
        for number, row in enumerate(table.rows, 1):
            for column, cell in zip(table.columns, table.cells(row), strict=True):
                value = "" if cell is None else str(cell)
                writer.writerow(
                    (table.id, table.title, number, column.key, column.label, column.unit, value)
                )
    return held.getvalue()


def json_report(summary: Summary) -> str:
    """The summary as JSON, curves and tables apart."""
    return json.dumps(asdict(summary), indent=2, ensure_ascii=False, default=dict) + "\n"


def markdown_report(summary: Summary) -> str:
    """The whole summary as Markdown; curves as tables."""
    parts = [f"# {summary.title}", f"mitsgan {summary.version}"]
    if summary.headline:
        parts += ["## Summary", _table(summary.headline_table)]
    for table in summary.all_tables:
        parts += [f"## {table.title}", *([table.note] if table.note else []), _table(table)]
    if summary.gaps:
        parts += ["## What was not measured", "\n".join(f"- {gap}" for gap in summary.gaps)]
    parts.append("## How to make this again")
    if summary.command:
        parts.append(_code(summary.command))
    parts += [_table(table) for table in facts(summary.provenance)]
    if summary.config:
        parts += ["Configuration:", _code(summary.config)]
    return "\n\n".join(parts) + "\n"


def _table(table: Table) -> str:
    shared = column_decimals(table)
    rows = [table.cells(row) for row in table.rows]
    ruler = [
        "---:" if any(is_number(row[i]) for row in rows) else "---"
        for i in range(len(table.columns))
    ]
    heads = [f"{c.label}, {c.unit}" if c.unit else c.label for c in table.columns]
    lines = [
        heads,
        ruler,
        *([printed(c, p) for c, p in zip(row, shared, strict=True)] for row in rows),
    ]
    return "\n".join(f"| {' | '.join(map(_inside, line))} |" for line in lines)


def _inside(cell: str) -> str:
    """Text that ends neither its cell nor its row."""
    return cell.replace("|", "\\|").replace("\n", " ")


def _code(text: str) -> str:
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}\n{text.rstrip()}\n{fence}"
