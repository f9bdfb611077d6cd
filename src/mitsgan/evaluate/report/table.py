"""One model of a table: named columns with units, rows of plain values, a caption, notes.

Whatever is measured becomes such tables; the terminal, Markdown, HTML and CSV each draw this type.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mitsgan.evaluate.report.formatting import (
    Cell,
    decimals,
    is_number,
    is_of_one,
    printed,
    sample_places,
)

LOW, HIGH = "low", "high"
"""Keys of the columns that bound the column before them; or ``KEY_low`` and ``KEY_high``."""

COUNT = "n"
"""Key of the column that says of how many measurements all columns right of it are statistics."""

ENDS = ("", f"_{LOW}", f"_{HIGH}")
"""How the keys of a value and of its bounds end."""


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        key: under which rows hold it.
        label: its heading.
        unit: of its numbers; empty where they have none.
        digits: decimals that are printed; None: as many as its numbers need.
        significant: digits that are shown then, of its largest number, or, where numbers of
            several units share the column, of each.
        signed: whether a number above zero is printed with a plus.
        sample: of how many measurements its numbers are statistics, or the column that says it; by
            default that is a column of the key ``n`` left of it. They are printed with what so
            many carry, if ``digits`` is None.
    """

    key: str
    label: str
    unit: str = ""
    digits: int | None = None
    significant: int = 4
    signed: bool = False
    sample: int | str = 0

    @property
    def heading(self) -> str:
        """Label and unit on one line."""
        return f"{self.label}, {self.unit}" if self.unit else self.label

    def decimals(self, cells: Iterable[Cell]) -> int:
        """How many decimals these cells are printed with."""
        return decimals(cells, self.significant) if self.digits is None else self.digits


@dataclass(frozen=True)
class Table:
    """A table; every row maps column keys to cells, and a cell that is missing is empty.

    Attributes:
        id: names the table among others of one result.
        title: above it.
        columns: in their order.
        rows: in their order.
        note: how to read it: what was measured, how, and what the columns mean.
        strong: numbers of rows that stand out: what the table is about, beside its controls.
    """

    id: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[Mapping[str, Cell], ...]
    note: str = ""
    strong: tuple[int, ...] = ()

    def cells(self, row: Mapping[str, Cell]) -> list[Cell]:
        """A row in the order of the columns."""
        return [row.get(column.key) for column in self.columns]

    def texts(self) -> list[list[str]]:
        """Every cell as it is printed, row by row; intervals with the decimals of their value."""
        columns = {column.key: column for column in self.columns}
        value_of = {end: key for key, ends in self._bounds().items() for end in ends}
        printed_columns = []
        for column in self.columns:
            places = self._decimals(columns[value_of.get(column.key, column.key)])
            cells = (row.get(column.key) for row in self.rows)
            printed_columns.append(
                [printed(c, p, signed=column.signed) for c, p in zip(cells, places, strict=True)]
            )
        return [list(row) for row in zip(*printed_columns, strict=True)]

    def _decimals(self, column: Column) -> Iterator[int]:
        """With how many decimals each row's number of a column is printed."""
        mixed = any(other.key == "unit" for other in self.columns)
        together = column.decimals(row.get(column.key) for row in self.rows)
        sample, ends = column.sample or self._count(column), self._bounds().get(column.key)
        for row in self.rows:
            value = row.get(column.key)
            n = row.get(sample) if isinstance(sample, str) else sample
            if column.digits is None and isinstance(value, float) and n and isinstance(n, int):
                low, high = (row.get(end) for end in ends) if ends else (None, None)
                yield sample_places(
                    value,
                    n,
                    share=(row.get("unit") if mixed else column.unit) == "%",
                    ends=(low, high) if is_number(low) and is_number(high) else None,
                )
            else:
                yield column.decimals([value]) if mixed else together

    def numeric(self) -> list[bool]:
        """Which columns hold numbers, and so stand on the right."""
        return [any(is_number(row.get(c.key)) for row in self.rows) for c in self.columns]

    def without_empty(self) -> Table:
        """The same without columns in which nothing was measured or is said."""
        columns = tuple(
            c for c in self.columns if any(row.get(c.key) not in (None, "") for row in self.rows)
        )
        return replace(self, columns=columns)

    def without_constant(self) -> Table:
        """The same without columns of one value alone; the note says what is so in all rows.

        A number and the ends of its interval stay or go together.
        """
        varying = {
            c.key
            for c in self.columns
            if len(self.rows) < 2 or len({row.get(c.key) for row in self.rows}) > 1
        }
        for key, ends in self._bounds().items():
            if varying & {key, *ends}:
                varying |= {key, *ends}
        same = [c for c in self.columns if c.key not in varying]
        if not same:
            return self
        first = dict(zip((c.key for c in self.columns), self.texts()[0], strict=True))
        always = [
            f"{c.heading}: {first[c.key]}"
            for c in same
            if self.rows[0].get(c.key) not in (None, "")
        ]
        note = [self.note] if self.note else []
        note += [f"In all rows: {'; '.join(always)}."] if always else []
        n = self.rows[0].get(COUNT) if COUNT in {c.key for c in same} else None
        sample = n if isinstance(n, int) else 0
        columns = tuple(
            replace(c, sample=c.sample or sample) if self._count(c) else c
            for c in self.columns
            if c not in same
        )
        return replace(self, columns=columns, note=" ".join(note))

    def compact(self) -> Table:
        """For pages of the documentation: intervals in the cells that they bound, and no column of
        one value alone.
        """
        bounds = self._bounds()
        ends_of_others = {key for pair in bounds.values() for key in pair}
        columns = tuple(c for c in self.columns if c.key not in ends_of_others)
        keys = [column.key for column in self.columns]
        texts = {key: [row[i] for row in self.texts()] for i, key in enumerate(keys)}
        rows: list[dict[str, Cell]] = [dict(row) for row in self.rows]
        for key, ends in bounds.items():
            for number, row in enumerate(self.rows):
                low, high = (texts[end][number] for end in ends)
                first, last = (row.get(end) for end in ends)
                none = first is None or is_of_one(row.get(COUNT), (first, last))
                between = "" if none else f" ({low} to {high})"
                rows[number][key] = f"{texts[key][number]}{between}"
        return replace(self, columns=columns, rows=tuple(rows)).without_constant()

    def to_json(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "id": self.id,
            "title": self.title,
            "note": self.note,
            "columns": [{"key": c.key, "label": c.label, "unit": c.unit} for c in self.columns],
            "rows": [dict(row) for row in self.rows],
        }

    def _count(self, column: Column) -> str:
        """The column that says of how many measurements this one's numbers are, or nothing."""
        keys = [other.key for other in self.columns]
        return COUNT if COUNT in keys[: keys.index(column.key)] else ""

    def _bounds(self) -> dict[str, tuple[str, str]]:
        """Keys of columns to those of their lower and upper ends."""
        keys: Sequence[str] = [column.key for column in self.columns]
        bounds = {}
        for number, key in enumerate(keys):
            for low, high in ((LOW, HIGH), (f"{key}_{LOW}", f"{key}_{HIGH}")):
                if list(keys[number + 1 : number + 3]) == [low, high]:
                    bounds[key] = (low, high)
        return bounds
