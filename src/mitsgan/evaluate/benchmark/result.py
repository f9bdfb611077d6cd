"""What a benchmark found: typed, as summary.json holds it, and as a report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from mitsgan import __version__
from mitsgan.evaluate.benchmark.leaderboard import cards, leaderboard
from mitsgan.evaluate.report.content import Curve, Headline, Report
from mitsgan.evaluate.report.table import Table
from mitsgan.result import Result

LIMITS = (
    "Disruption is a distance between two pictures. It does not say whether a reader would notice; "
    "no reader study has been made.",
    "An interval says how far another draw of positions in these scans would move a number. It "
    "says nothing of other patients, scanners and attackers.",
    "Protection does not prevent tampering and does not detect it: it changes what the tampering "
    "model paints.",
)


@dataclass(frozen=True, kw_only=True)
class Benchmark(Result):
    """The summary of a benchmark, a pure function of its rows.

    Attributes:
        version: of mitsgan.
        title: of the configuration.
        command: that repeats the run.
        config_toml, config: the configuration as text, and as tables.
        provenance: weights and scans, as JSON values.
        headline: the numbers that count.
        tables, curves: what was measured.
        gaps: what could not be measured, in words.
    """

    KIND: ClassVar[str] = "benchmark"

    version: str = __version__
    title: str
    command: str
    config_toml: str
    config: dict[str, Any]
    provenance: dict[str, Any]
    headline: tuple[Headline, ...]
    tables: tuple[Table, ...]
    curves: tuple[Curve, ...]
    gaps: tuple[str, ...] = ()

    def to_tree(self) -> dict[str, Any]:
        """See `Result.to_tree`; of a table what it holds, not how it is printed."""
        return {**super().to_tree(), "tables": [table.to_json() for table in self.tables]}

    def report(self) -> Report:
        """The same for readers: numbers of one kind together, and a leaderboard first."""
        board = leaderboard(self.tables)
        return Report(
            title=self.title,
            version=self.version,
            lead=self._lead(),
            command=self.command,
            config=self.config_toml,
            provenance=self.provenance,
            headline=tuple(cards(self.headline, self._ours)),
            tables=self.tables if board is None else (board, *self.tables),
            curves=self.curves,
            limits=LIMITS,
            gaps=self.gaps,
        )

    @property
    def _ours(self) -> str:
        """The first protector of the configuration, whose numbers stand above all."""
        first, *_ = self.config.get("protectors") or [{}]
        return str(first.get("name", "the first protector"))

    def _lead(self) -> str:
        """How far the first protector disrupts, next to noise: from the least to the most."""
        disruption, over_noise = (
            [h.value for h in self.headline if h.label.startswith(kind) and _is_number(h.value)]
            for kind in ("disruption: ", "over noise: ")
        )
        if not disruption or not over_noise:
            return ""
        return (
            f"On scans that no training saw, {self._ours} moves what attackers paint by "
            f"{_range(disruption)} HU (medians over positions of the RMSE in the repainted core), "
            f"{_range(over_noise, 1)} times as far as noise of equal strength does."
        )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float)


def _range(values: list[Any], digits: int = 0) -> str:
    low, high = (f"{v:.{digits}f}" for v in (min(values), max(values)))
    return low if low == high else f"{low} to {high}"
