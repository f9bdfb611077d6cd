"""What a report says, before anything is drawn: a verdict, numbers, tables, curves, limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mitsgan.evaluate.report.formatting import Cell
from mitsgan.evaluate.report.table import Column, Table

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
class Axis:
    """An axis of a plot."""

    label: str
    unit: str = ""
    log: bool = False

    @property
    def title(self) -> str:
        """Label and unit."""
        return f"{self.label}, {self.unit}" if self.unit else self.label


@dataclass(frozen=True)
class Point:
    """One point of a curve, with its interval and the number of measurements behind it.

    ``y`` is None where nothing was measured.
    """

    x: float
    y: float | None
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
            Column("y", self.y.label, self.y.unit, sample="n"),
            Column("low", "low", self.y.unit),
            Column("high", "high", self.y.unit),
            Column("n", "n"),
        )
        rows = tuple(
            {"series": s.name, "x": p.x, "y": p.y, "low": p.low, "high": p.high, "n": p.n}
            for s in self.series
            for p in s.points
            if p.y is not None
        )
        return Table(self.id, self.title, columns, rows, self.note)


@dataclass(frozen=True)
class Report:
    """Everything that a report says, pictures apart.

    Attributes:
        title: of the run.
        version: of mitsgan that made it.
        lead: the verdict, in a sentence or two.
        verdict: its word, where one was reached, such as ``tampered``: pages show it above all.
        command: what makes it again.
        config: the configuration file's text, or JSON.
        provenance: weights, scans and whatever else went in, as JSON values.
        headline: the numbers that count, first.
        tables, curves: the measurements.
        limits: what the numbers do not show.
        gaps: what was not measured, and why.
        gaps_title: over these.
    """

    title: str
    version: str
    lead: str
    command: str
    config: str
    provenance: Json
    headline: tuple[Headline, ...] = ()
    tables: tuple[Table, ...] = ()
    curves: tuple[Curve, ...] = ()
    limits: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()
    gaps_title: str = "What was not measured"
    verdict: str = ""

    @property
    def reason(self) -> str:
        """The lead without the word of the verdict, for what shows that by itself."""
        return self.lead.removeprefix(f"{self.verdict.upper()}: ") if self.verdict else self.lead

    @property
    def last_title(self) -> str:
        """Over the command, the configuration and what went in."""
        return "How to make this again" if self.command else "All of it, for machines"

    @property
    def headline_table(self) -> Table:
        """The headline numbers as a table."""
        return headline_table(self.headline)

    @property
    def all_tables(self) -> tuple[Table, ...]:
        """The tables, then the curves as tables."""
        return (*self.tables, *(curve.table() for curve in self.curves))


def headline_table(headline: Sequence[Headline]) -> Table:
    """Headline numbers as a table."""
    columns = tuple(
        Column(key, key, significant=3, sample="n" if key == "value" else 0)
        for key in ("figure", "value", "unit", "n", "note")
    )
    rows = tuple(
        {"figure": h.label, "value": h.value, "unit": h.unit, "n": h.n, "note": h.note}
        for h in headline
    )
    return Table("headline", "Summary", columns, rows)
