"""A report without pictures: as Markdown, as one long CSV, as JSON."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from io import StringIO

from mitsgan.evaluate.report.content import Report
from mitsgan.evaluate.report.formatting import csv_cell
from mitsgan.evaluate.report.provenance import facts
from mitsgan.evaluate.report.table import Table
from mitsgan.typed import to_json, to_tree

LONG = ("table", "title", "row", "column", "label", "unit", "value")
"""Columns of the CSV: one line per cell, so that tables of any shape share one file."""


def csv_tables(tables: Iterable[Table]) -> str:
    """Every cell of every table on a line of its own, at full precision."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(LONG)
    for table in tables:
        for number, row in enumerate(table.rows, 1):
            for column, cell in zip(table.columns, table.cells(row), strict=True):
                known = (table.id, table.title, number, column.key, column.label, column.unit)
                writer.writerow([csv_cell(value) for value in (*known, cell)])
    return text.getvalue()


def csv_report(report: Report) -> str:
    """Every cell of every table and curve, see `csv_tables`."""
    return csv_tables((report.headline_table, *report.all_tables))


def json_report(report: Report) -> str:
    """The report as JSON, curves and tables apart."""
    return to_json({"schema": 1, "kind": "report", **to_tree(report)})


def markdown_table(table: Table) -> str:
    """A table as Markdown, without its title and note; rows that stand out in bold."""
    ruler = ["---:" if numeric else "---" for numeric in table.numeric()]
    rows = [
        [f"**{text}**" if number in table.strong and text else text for text in texts]
        for number, texts in enumerate(table.texts())
    ]
    lines = [[column.heading for column in table.columns], ruler, *rows]
    return "\n".join(f"| {' | '.join(map(_inside, line))} |" for line in lines)


def markdown_report(report: Report) -> str:
    """The whole report as Markdown; curves as tables."""
    parts = [f"# {report.title}", f"mitsgan {report.version}", *_if(report.lead)]
    if report.headline:
        parts += ["## Summary", markdown_table(report.headline_table)]
    for table in report.all_tables:
        parts += [f"## {table.title}", *_if(table.note), markdown_table(table.without_empty())]
    for title, points in (
        ("What this does not show", report.limits),
        (report.gaps_title, report.gaps),
    ):
        if points:
            parts += [f"## {title}", "\n".join(f"- {point}" for point in points)]
    parts.append(f"## {report.last_title}")
    if report.command:
        parts.append(_code(report.command))
    parts += [markdown_table(table) for table in facts(report.provenance)]
    if report.config:
        parts += ["Configuration:", _code(report.config)]
    return "\n\n".join(parts) + "\n"


def _if(text: str) -> list[str]:
    return [text] if text else []


def _inside(cell: str) -> str:
    """Text that ends neither its cell nor its row."""
    return cell.replace("|", "\\|").replace("\n", " ")


def _code(text: str) -> str:
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}\n{text.rstrip()}\n{fence}"
