"""One model of a table: named columns with units, rows of plain values, a caption, notes.

Whatever is measured becomes such tables; the terminal, Markdown, HTML and CSV each draw this type.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mitsgan.evaluate.report.formatting import Cell, decimals, is_number, printed

LOW, HIGH = "low", "high"
"""Keys of the columns that bound the column before them; or ``KEY_low`` and ``KEY_high``."""


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
    """

    key: str
    label: str
    unit: str = ""
    digits: int | None = None
    significant: int = 4
    signed: bool = False

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
        mixed = any(column.key == "unit" for column in self.columns)
        columns = {column.key: column for column in self.columns}
        value_of = {end: key for key, ends in self._bounds().items() for end in ends}
        printed_columns = []
        for column in self.columns:
            value = columns[value_of.get(column.key, column.key)]
            together = None if mixed else value.decimals(row.get(value.key) for row in self.rows)
            cells = [row.get(column.key) for row in self.rows]
            printed_columns.append(
                [
                    printed(
                        cell,
                        value.decimals([cell]) if together is None else together,
                        signed=column.signed,
                    )
                    for cell in cells
                ]
            )
        return [list(row) for row in zip(*printed_columns, strict=True)]

    def numeric(self) -> list[bool]:
        """Which columns hold numbers, and so stand on the right."""
        return [any(is_number(row.get(c.key)) for row in self.rows) for c in self.columns]

    def without_empty(self) -> Table:
        """The same without columns in which nothing was measured."""
        columns = tuple(
            c for c in self.columns if any(row.get(c.key) is not None for row in self.rows)
        )
        return replace(self, columns=columns)

    def compact(self) -> Table:
        """For pages: intervals in the cells that they bound, and no column of one value alone.

        What is the same in all rows is said in the note.
        """
        bounds = self._bounds()
        ends_of_others = {key for pair in bounds.values() for key in pair}
        left = [c for c in self.columns if c.key not in ends_of_others]
        keys = [column.key for column in self.columns]
        texts = {key: [row[i] for row in self.texts()] for i, key in enumerate(keys)}
        rows: list[dict[str, Cell]] = [{} for _ in self.rows]
        for column in left:
            key, ends = column.key, bounds.get(column.key)
            for number, row in enumerate(self.rows):
                if ends is None:
                    rows[number][key] = row.get(key)
                    continue
                low, high = (texts[end][number] for end in ends)
                between = "" if row.get(ends[0]) is None else f" ({low} to {high})"
                rows[number][key] = f"{texts[key][number]}{between}"
        same = [c for c in left if len(rows) > 1 and len({row[c.key] for row in rows}) == 1]
        always = [
            f"{c.heading}: {texts[c.key][0]}" for c in same if rows[0][c.key] not in (None, "")
        ]
        note = [self.note] if self.note else []
        note += [f"In all rows: {'; '.join(always)}."] if always else []
        columns = tuple(c for c in left if c not in same)
        return replace(self, columns=columns, rows=tuple(rows), note=" ".join(note))

    def to_json(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "id": self.id,
            "title": self.title,
            "note": self.note,
            "columns": [{"key": c.key, "label": c.label, "unit": c.unit} for c in self.columns],
            "rows": [dict(row) for row in self.rows],
        }

    def _bounds(self) -> dict[str, tuple[str, str]]:
        """Keys of columns to those of their lower and upper ends."""
        keys: Sequence[str] = [column.key for column in self.columns]
        bounds = {}
        for number, key in enumerate(keys):
            for low, high in ((LOW, HIGH), (f"{key}_{LOW}", f"{key}_{HIGH}")):
                if list(keys[number + 1 : number + 3]) == [low, high]:
                    bounds[key] = (low, high)
        return bounds
