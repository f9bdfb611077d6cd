"""Numbers as they are printed: four digits of the largest in a column, never more than it holds."""

from __future__ import annotations

import math
from collections.abc import Iterable

from mitsgan.evaluate.report.summary import Cell, Table

MISSING = "n/a"

_DIGITS = 4
_MOST_DECIMALS = 6


def is_number(cell: Cell) -> bool:
    """Whether a cell is to be aligned and sorted as a number."""
    return isinstance(cell, int | float) and not isinstance(cell, bool)


def column_decimals(table: Table) -> list[int | None]:
    """Decimals of each column; None where numbers of several units share it."""
    if any(column.key == "unit" for column in table.columns):
        return [None] * len(table.columns)
    return [decimals(row.get(column.key) for row in table.rows) for column in table.columns]


def decimals(cells: Iterable[Cell]) -> int:
    """How many decimals numbers need together; none where all of them are whole."""
    numbers = [float(c) for c in cells if isinstance(c, int | float) and math.isfinite(c)]
    if all(v.is_integer() for v in numbers):
        return 0
    largest = max(abs(v) for v in numbers)
    return min(max(_DIGITS - 1 - math.floor(math.log10(largest)), 0), _MOST_DECIMALS)


def printed(cell: Cell, places: int | None = None) -> str:
    """A cell as text; ``places`` are the decimals of its column, by default its own.

    A number too small for them is printed with a power of ten rather than as zero.
    """
    if cell is None:
        return MISSING
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, str):
        return cell
    if not math.isfinite(cell):
        return MISSING if math.isnan(cell) else f"{'-' * (cell < 0)}∞"
    places = decimals([cell]) if places is None else places
    if cell and abs(cell) < 0.5 * 10**-places:
        return f"{cell:.1e}"
    return f"{cell:.{places}f}"
