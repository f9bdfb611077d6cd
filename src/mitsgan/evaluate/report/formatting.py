"""Numbers as they are printed, which is never more of them than was measured.

What was counted or measured on all voxels has four digits of a column's largest number, three of
its smallest. What is a median, a mean or a share of n measurements has what n carry: below 100,
two digits, and three where an interval beside it is narrower than a unit of the second; from 100
on, three. Shares are whole percents below 1,000. An AUC is a
share of pairs, of which there are many more: its columns say how many digits they have.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TypeGuard

Cell = str | float | int | bool | None
"""What a table holds; None: not measured."""

MISSING = "n/a"

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a text begins that a spreadsheet takes for something to compute."""

_OF_LARGEST = 4
_SPAN = 1000.0
"""A number smaller than the largest by more than this is not worth a column's decimals."""

_MOST_DECIMALS = 6

_FEW, _SOME, _MANY = 10, 100, 1000
"""Measurements from which on an interval may earn a digit, a statistic has three, and a share has a
decimal."""


def csv_cell(cell: Cell) -> str:
    """A cell for a CSV: a text that a spreadsheet would run as a formula gets an apostrophe."""
    text = "" if cell is None else str(cell)
    return f"'{text}" if isinstance(cell, str) and text.startswith(_FORMULA) else text


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


def sample_places(
    value: float, n: int | None, *, share: bool = False, ends: tuple[float, float] | None = None
) -> int:
    """Decimals of a statistic of ``n`` measurements; below zero where even tens are not carried.

    Args:
        value: the statistic.
        n: how many measurements are behind it; None: enough.
        share: whether it is in percent.
        ends: of its interval.
    """
    if not value or not math.isfinite(value):
        return 0
    if share and abs(value) >= 1:
        return 0 if n is not None and n < _MANY else 1
    few = n is not None and n < (_MANY if share else _SOME)
    digits = 2 if few else 3
    places = _places(float(f"{value:.{digits - 1}e}"), digits)
    if digits == 2 and (n or 0) >= _FEW and ends is not None and ends[1] - ends[0] < 10.0**-places:
        places += 1
    return min(places, _MOST_DECIMALS)


def of_sample(
    value: float | None, n: int | None, ends: tuple[float, float] | None = None, *, unit: str = ""
) -> str:
    """A statistic of ``n`` measurements as text, its interval in brackets; see `sample_places`."""
    if value is None:
        return MISSING
    places = sample_places(value, n, share=unit == "%", ends=ends)
    if ends is None or is_of_one(n, ends):
        return printed(value, places)
    low, high = (printed(round(end, places), places) for end in ends)
    return f"{printed(value, places)} ({low} to {high})"


def is_of_one(n: object, ends: tuple[object, object]) -> bool:
    """Whether an interval is the bootstrap of one measurement: from itself to itself, so none."""
    return n == 1 and ends[0] == ends[1]


def rounded(cell: Cell, n: int | None = None, unit: str = "") -> str:
    """A number by itself as text: what ``n`` measurements carry, or three digits."""
    if not isinstance(cell, float) or not math.isfinite(cell):
        return printed(cell)
    if n is None or n >= _SOME:
        return printed(cell, decimals([cell], significant=3))
    return of_sample(cell, n, unit=unit)


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
    if places < 0:
        cell, places = round(cell, places), 0
    if cell and abs(cell) <= 0.5 * 10.0**-places:
        return f"{cell:{sign}.1e}"
    return f"{cell + 0.0:{sign}.{places}f}"  # no minus before zero


def millimetres(place: Iterable[float]) -> str:
    """A place in mm, to whole ones; none is minus zero."""
    return ", ".join(f"{round(value) + 0:d}" for value in place)
