"""A table as HTML whose columns sort by a click."""

from __future__ import annotations

from html import escape

from mitsgan.evaluate.report.content import Cell, Table
from mitsgan.evaluate.report.formatting import MISSING, column_decimals, is_number, printed

_LONG = 40
"""A cell of more letters may break."""

_TALL = 30
"""A table of more rows scrolls in a frame of its own."""


def html_table(table: Table) -> str:
    """The table in a frame that scrolls; without its title and note."""
    places = column_decimals(table)
    numeric = [any(is_number(row.get(c.key)) for row in table.rows) for c in table.columns]
    heads = "".join(
        f'<th scope="col" aria-sort="none"{_kind(is_numeric)}><button type="button">'
        f"{escape(column.label)}{_unit(column.unit)}</button></th>"
        for column, is_numeric in zip(table.columns, numeric, strict=True)
    )
    rows = "".join(
        "<tr>"
        + "".join(
            f"<td{_kind(is_numeric, cell)}{_value(cell)}>{_text(cell, held)}</td>"
            for cell, held, is_numeric in zip(table.cells(row), places, numeric, strict=True)
        )
        + "</tr>\n"
        for row in table.rows
    )
    tall = " tall" if len(table.rows) > _TALL else ""
    return (
        f'<div class="wide{tall}" tabindex="0" role="region" aria-label="{escape(table.title)}">\n'
        f'<table class="sortable" id="table-{escape(table.id)}">\n'
        f"<thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n</div>\n"
    )


def html_section(table: Table) -> str:
    """The table under its title, with its note."""
    note = f"<p>{escape(table.note)}</p>\n" if table.note else ""
    return f"<h3>{escape(table.title)}</h3>\n{note}{html_table(table)}"


def _kind(is_numeric: bool, cell: Cell = None) -> str:
    """Text stands on the left, and breaks only where it is long."""
    if is_numeric:
        return ""
    return f' class="text{" long" if len(str(cell)) > _LONG else ""}"'


def _unit(unit: str) -> str:
    return f" <small>{escape(unit)}</small>" if unit else ""


def _value(cell: Cell) -> str:
    """What a number is sorted by: all its digits."""
    return f' data-value="{float(cell)!r}"' if is_number(cell) else ""


def _text(cell: Cell, places: int | None) -> str:
    if cell is None:
        return f'<span class="missing">{MISSING}</span>'
    return escape(printed(cell, places))
