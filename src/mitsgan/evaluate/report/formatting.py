"""Numbers as they are printed: four digits of a column's largest, three of its smallest."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TypeGuard

Cell = str | float | int | bool | None
"""What a table holds; None: not measured."""

MISSING = "n/a"

_OF_LARGEST = 4
_SPAN = 1000.0
"""A number smaller than the largest by more than this is not worth a column's decimals."""

_MOST_DECIMALS = 6


def is_number(cell: Cell) -> TypeGuard[int | float]:
    """Whether a cell is to be aligned and sorted as a number."""
    return isinstance(cell, int | float) and not isinstance(cell, bool)


def decimals(cells: Iterable[Cell], significant: int = _OF_LARGEST) -> int:
    """How many decimals numbers need together; none where all of them are whole.

    ``significant`` digits are shown of the largest, one less of the smallest.
    """
    numbers = [float(c) for c in cells if is_number(c) and math.isfinite(c)]
    if all(v.is_integer() for v in numbers):
        return 0
    largest = max(map(abs, numbers))
    smallest = max(min(abs(v) for v in numbers if v), largest / _SPAN)
    wanted = max(_places(largest, significant), _places(smallest, significant - 1))
    return min(max(wanted, 0), _MOST_DECIMALS)


def _places(value: float, digits: int) -> int:
    """Decimals that show so many digits of a value."""
    return digits - 1 - math.floor(math.log10(value))


def rounded(cell: Cell) -> str:
    """A number by itself as text, to three digits."""
    return printed(cell, decimals([cell], significant=3) if is_number(cell) else None)


def printed(cell: Cell, places: int | None = None, *, signed: bool = False) -> str:
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
    sign = "+" if signed else ""
    if cell and abs(cell) <= 0.5 * 10**-places:
        return f"{cell:{sign}.1e}"
    return f"{cell + 0.0:{sign}.{places}f}"  # no minus before zero
