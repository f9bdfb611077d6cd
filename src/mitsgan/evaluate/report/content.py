"""What a run found, as generic headlines, tables and curves; and how it was made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Cell = str | float | int | bool | None
Json = Mapping[str, Any]


@dataclass(frozen=True)
class Headline:
    """One number that counts, with how many measurements are behind it."""

    label: str
    value: Cell
    unit: str = ""
    n: int | None = None
    note: str = ""


@dataclass(frozen=True)
class Column:
    """A column of a table: under which key rows hold it, what it is called, its unit."""

    key: str
    label: str
    unit: str = ""


@dataclass(frozen=True)
class Table:
    """A table; every row maps column keys to cells, and a cell that is missing is empty."""

    id: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[Mapping[str, Cell], ...]
    note: str = ""

    def cells(self, row: Mapping[str, Cell]) -> list[Cell]:
        """A row in the order of the columns."""
        return [row.get(column.key) for column in self.columns]


@dataclass(frozen=True)
class Axis:
    """An axis of a plot."""

    label: str
    unit: str = ""
    log: bool = False

    @property
    def title(self) -> str:
        return f"{self.label}, {self.unit}" if self.unit else self.label


@dataclass(frozen=True)
class Point:
    """One point of a curve, with its interval and the number of measurements behind it."""

    x: float
    y: float
    low: float | None = None
    high: float | None = None
    n: int | None = None


@dataclass(frozen=True)
class Series:
    """One line of a plot."""

    name: str
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Curve:
    """A plot of several series over one axis."""

    id: str
    title: str
    x: Axis
    y: Axis
    series: tuple[Series, ...]
    note: str = ""

    def table(self) -> Table:
        """The same as numbers."""
        columns = (
            Column("series", "series"),
            Column("x", self.x.label, self.x.unit),
            Column("y", self.y.label, self.y.unit),
            Column("low", "low", self.y.unit),
            Column("high", "high", self.y.unit),
            Column("n", "n"),
        )
        rows = tuple(
            {"series": s.name, "x": p.x, "y": p.y, "low": p.low, "high": p.high, "n": p.n}
            for s in self.series
            for p in s.points
        )
        return Table(self.id, self.title, columns, rows, self.note)


@dataclass(frozen=True)
class Summary:
    """Everything a report tells, pictures apart.

    Attributes:
        title: of the run.
        version: of mitsgan that made it.
        command: what makes it again.
        config: the configuration file's text, or JSON.
        provenance: weights, scans and whatever else went in, as JSON values.
        headline: the numbers that count, first.
        tables, curves: the measurements.
        gaps: what was not measured, and why.
    """

    title: str
    version: str
    command: str
    config: str
    provenance: Json
    headline: tuple[Headline, ...] = ()
    tables: tuple[Table, ...] = ()
    curves: tuple[Curve, ...] = ()
    gaps: tuple[str, ...] = ()

    @property
    def headline_table(self) -> Table:
        """The headline numbers as a table."""
        columns = tuple(Column(key, key) for key in ("figure", "value", "unit", "n", "note"))
        rows = tuple(
            {"figure": h.label, "value": h.value, "unit": h.unit, "n": h.n, "note": h.note}
            for h in self.headline
        )
        return Table("headline", "Summary", columns, rows)

    @property
    def all_tables(self) -> tuple[Table, ...]:
        """The tables, then the curves as tables."""
        return (*self.tables, *(curve.table() for curve in self.curves))
