"""The rows of a benchmark, found by what they are of; and the statistics of one row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import median
from typing import Any

from mitsgan.evaluate.benchmark.config import NONE, PLAIN
from mitsgan.evaluate.benchmark.summary.bootstrap import Interval, median_interval, ratio_interval
from mitsgan.evaluate.report.formatting import Cell
from mitsgan.evaluate.report.table import Column, Table

Row = dict[str, Any]

_IDENTITY = (
    *("scan", "protector", "form", "budget", "control", "attacker", "action"),
    *("variant", "purifier", "n"),
)
_BUT_N = _IDENTITY[:-1]
_ORDINARY = {"control": None, "variant": PLAIN, "purifier": NONE}


@dataclass(frozen=True)
class Rows:
    """All rows of a journal.

    Attributes:
        rows: as they were kept.
        resamples, seed: of the bootstrap.
    """

    rows: Sequence[Row]
    resamples: int = 2000
    seed: int = 0

    def of(self, kind: str, **wanted: object) -> Iterator[Row]:
        """Rows of a kind whose values are these."""
        for row in self.rows:
            if row["kind"] == kind and all(row[key] == value for key, value in wanted.items()):
                yield row

    def attacks(self, **wanted: object) -> Iterator[Row]:
        """Rows of attacks; where nothing else is said, plain ones on what nobody purified."""
        return self.of("attack", **{**_ORDINARY, **wanted})

    def beside(self, row: Row, **other: object) -> Row | None:
        """The row that differs from ``row`` in nothing but ``other``; None if there is none."""
        wanted = {**{key: row[key] for key in _IDENTITY}, **other}
        return next((r for r in self._like(wanted) if r["n"] == wanted["n"]), None)

    def main(self, **wanted: object) -> Iterator[Row]:
        """As `attacks`, of those that are measured at the most positions, and beside controls.

        Only who knows the position needs none. What is left out are points of curves, and plain
        rows that purified ones are compared with.
        """
        known = {row["protector"] for row in self.of("protector", known_position=True)}
        for row in self.attacks(**wanted):
            if row["protector"] not in known and self.beside(row, control="noise") is None:
                continue
            if row["n"] == max(r["n"] for r in self._like(row)):
                yield row

    def _like(self, row: Row) -> Sequence[Row]:
        """Attacks that differ from a row in how many positions they are at."""
        return self._by_identity.get(tuple(row[key] for key in _BUT_N), ())

    @cached_property
    def _by_identity(self) -> Mapping[tuple[object, ...], Sequence[Row]]:
        """Attacks by what they are of: a run has a thousand, and each is looked up."""
        found: dict[tuple[object, ...], list[Row]] = {}
        for row in self.of("attack"):
            found.setdefault(tuple(row[key] for key in _BUT_N), []).append(row)
        return found

    def median(self, values: Sequence[float]) -> Interval:
        """A median with its interval."""
        return median_interval(values, resamples=self.resamples, seed=self.seed)

    def ratio(self, above: Row, below: Row) -> Interval:
        """Median disruption of one row over that of another, at the same positions."""
        key = "disruption_rmse_hu"
        return ratio_interval(above[key], below[key], resamples=self.resamples, seed=self.seed)

    def gain(self, row: Row) -> Interval:
        """Disruption over perturbation, both RMSE in the core: median over positions."""
        pairs = zip(row["disruption_rmse_hu"], row["perturbation_core_rmse_hu"], strict=True)
        return self.median([a / max(b, 1e-3) for a, b in pairs])

    def measured(self, row: Row) -> Row:
        """What every table says of a row of attacks."""
        over = self.median(row["disruption_rmse_hu"])
        gain = self.gain(row)
        values: Row = {
            "n": row["n"],
            "disruption": over.value,
            "low": over.low,
            "high": over.high,
            "worst": min(row["disruption_rmse_hu"]),
            "perturbation": median(row["perturbation_cube_rmse_hu"]),
            "gain": gain.value,
            "noise": None,
            "over_noise": None,
            "over_noise_low": None,
            "over_noise_high": None,
        }
        noise = self.beside(row, control="noise") if row["control"] is None else None
        if noise is not None:
            ratio = self.ratio(row, noise)
            values |= {
                "noise": median(noise["disruption_rmse_hu"]),
                "over_noise": ratio.value,
                "over_noise_low": ratio.low,
                "over_noise_high": ratio.high,
            }
        return values


MEASURED = (
    Column("n", "positions"),
    Column("disruption", "disruption, median", "HU"),
    Column("low", "from", "HU"),
    Column("high", "to", "HU"),
    Column("worst", "worst", "HU"),
    Column("perturbation", "perturbation in cube", "HU"),
    Column("gain", "gain in core"),
    Column("noise", "noise of equal RMSE", "HU"),
    Column("over_noise", "over noise"),
    Column("over_noise_low", "from"),
    Column("over_noise_high", "to"),
)
"""Columns of `Rows.measured`."""

NAMED = (
    Column("scan", "scan"),
    Column("protector", "protector"),
    Column("form", "form"),
    Column("budget", "budget"),
    Column("attacker", "attackers"),
    Column("action", "action"),
)
"""Columns that say what a row of attacks is of."""


def named(row: Mapping[str, Any], columns: Iterable[Column] = NAMED) -> Row:
    """What a row is of."""
    return {column.key: row[column.key] for column in columns}


def table(id: str, title: str, note: str, columns: Sequence[Column], rows: Sequence[Row]) -> Table:
    """A table of the columns' values, see `shortened`."""
    cells = tuple({c.key: shortened(row.get(c.key)) for c in columns} for row in rows)
    return Table(id, title, tuple(columns), cells, note)


def shortened(value: Cell) -> Cell:
    """A number to five significant digits: more would claim more than was measured."""
    return float(f"{value:.5g}") if isinstance(value, float) else value
