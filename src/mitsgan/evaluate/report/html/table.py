"""A table as the page's template draws it."""

from __future__ import annotations

from dataclasses import dataclass

from mitsgan.evaluate.report.formatting import is_number
from mitsgan.evaluate.report.table import Table

_LONG = 40
"""A cell of more letters may break."""

_LONG_HEAD = 14
"""A head of more letters may break."""

_MANY = 8
"""Of more columns those are left to the note that are the same in every row."""

_WIDE = 6
"""A table of more columns needs small letters on paper."""


@dataclass(frozen=True)
class HtmlHead:
    """The head of a column; columns of numbers stand on the right."""

    label: str
    unit: str
    is_numeric: bool
    is_long: bool = False


@dataclass(frozen=True)
class HtmlCell:
    """A cell.

    Attributes:
        text: as it is printed.
        value: what a number is sorted by: all its digits; None for text.
        is_numeric: whether its column is one of numbers.
        is_missing: whether nothing was measured.
        is_long: whether it may break.
    """

    text: str
    value: str | None
    is_numeric: bool
    is_missing: bool
    is_long: bool


@dataclass(frozen=True)
class HtmlRow:
    """A row, and whether it stands out."""

    cells: tuple[HtmlCell, ...]
    strong: bool


@dataclass(frozen=True)
class HtmlTable:
    """A table without the columns in which nothing was measured.

    Attributes:
        is_wide: whether it needs small letters on paper.
    """

    id: str
    title: str
    note: str
    heads: tuple[HtmlHead, ...]
    rows: tuple[HtmlRow, ...]
    is_wide: bool


def html_table(table: Table) -> HtmlTable:
    """What the template needs to know of a table."""
    table = table.without_empty()
    if len(table.columns) > _MANY:
        fewer = table.without_constant()
        if any(fewer.numeric()):  # else nothing but names would be left of a table of numbers
            table = fewer
    numeric = table.numeric()
    heads = tuple(
        HtmlHead(column.label, column.unit, is_numeric, len(column.label) > _LONG_HEAD)
        for column, is_numeric in zip(table.columns, numeric, strict=True)
    )
    rows = []
    for number, (row, texts) in enumerate(zip(table.rows, table.texts(), strict=True)):
        cells = tuple(
            HtmlCell(
                text=text,
                value=repr(float(cell)) if is_number(cell) else None,
                is_numeric=is_numeric,
                is_missing=cell is None,
                is_long=len(text) > _LONG,
            )
            for cell, text, is_numeric in zip(table.cells(row), texts, numeric, strict=True)
        )
        rows.append(HtmlRow(cells, number in table.strong))
    is_wide = len(heads) > _WIDE
    return HtmlTable(table.id, table.title, table.note, heads, tuple(rows), is_wide)
