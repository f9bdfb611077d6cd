"""How tables of results look on a page of the documentation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mitsgan.evaluate.report.formatting import Cell
from mitsgan.evaluate.report.table import Column, Table
from mitsgan.evaluate.report.text import markdown_table

LONG = 30
"""A table of more rows is folded away."""


def drawn(table: Table) -> str:
    """A table as Markdown: compact, its text left to the page, folded where it is long."""
    columns = tuple(replace(c, significant=min(c.significant, 3)) for c in table.columns)
    compact = replace(table, note="", columns=columns).without_empty().compact()
    text = markdown_table(compact)
    if len(table.rows) > LONG:
        summary = f"<summary>{table.title}: {len(table.rows)} rows</summary>"
        text = f"<details>\n{summary}\n\n{text}\n\n</details>"
    return f"{text}\n\n{compact.note}" if compact.note else text


def plain(columns: Sequence[str | Column], rows: Sequence[Sequence[Cell]]) -> str:
    """A table of columns that are headings alone, or more, as Markdown."""
    made = tuple(
        replace(column, key=str(i)) if isinstance(column, Column) else Column(str(i), column)
        for i, column in enumerate(columns)
    )
    cells = tuple({str(i): cell for i, cell in enumerate(row)} for row in rows)
    return markdown_table(Table("", "", made, cells))
