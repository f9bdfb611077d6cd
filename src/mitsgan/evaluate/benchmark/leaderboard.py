"""What a benchmark comes to on its first screen: a few numbers, and a leaderboard of protectors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from mitsgan.evaluate.report.content import Headline
from mitsgan.evaluate.report.formatting import Cell, of_sample
from mitsgan.evaluate.report.table import Column, Table

Row = Mapping[str, Cell]

_MAIN = "main-"
"""How the ids of the tables begin that hold every protector on one scan."""

_COLUMNS = (
    Column("scan", "scan"),
    Column("budget", "budget"),
    Column("protector", "protector"),
    Column("form", "form"),
    Column("n", "positions"),
    Column("over_noise", "over noise, at the least"),
    Column("over_noise_low", "from"),
    Column("over_noise_high", "to"),
    Column("by", "by"),
    Column("disruption", "disruption there", "HU"),
    Column("above", "above noise, of attacks"),
    Column("offset", "offset does more, of attacks"),
)

_CARDS = {"disruption": "Disruption", "over noise": "Over noise", "gain": "Gain"}
"""Kinds of headline numbers, as their labels begin, by the card that they share."""


def leaderboard(tables: Sequence[Table]) -> Table | None:
    """A line for each protector, scan and budget, the best of a scan and budget first; or None.

    Protectors are ranked by the attack that they disrupt least, next to noise of equal RMSE, since
    an attacker chooses what suits him.

    Args:
        tables: of the benchmark.
    """
    lines = [line for table in tables if table.id.startswith(_MAIN) for line in _lines(table)]
    if not lines:
        return None
    return Table(
        "leaderboard",
        "Leaderboard",
        _COLUMNS,
        tuple(lines),
        "Of each protector the attack that it disrupts least, next to noise of equal RMSE: its "
        "disruption over that of noise, median over positions with its 95 % interval. Above noise: "
        "attacks whose whole interval is above 1. A constant offset has the same RMSE, too.",
    )


def _lines(table: Table) -> Iterator[Row]:
    """The lines of one scan."""

    def group(row: Row) -> tuple[str, str, str]:
        return str(row["budget"]), str(row["protector"]), str(row["form"])

    rows = sorted((row for row in table.rows if row.get("over_noise") is not None), key=group)
    lines = []
    for (budget, protector, form), members in groupby(rows, group):
        attacks = list(members)
        least = min(attacks, key=lambda row: _number(row["over_noise"]))
        keys = ("n", "over_noise", "over_noise_low", "over_noise_high", "disruption")
        above = sum(_number(row["over_noise_low"]) > 1 for row in attacks)
        offset = sum(
            _number(row["offset"]) > _number(row["disruption"])
            for row in attacks
            if row.get("offset") is not None
        )
        lines.append(
            {
                "scan": table.id.removeprefix(_MAIN),
                "budget": budget,
                "protector": protector,
                "form": form,
                **{key: least[key] for key in keys},
                "by": f"{least['attacker']}, {least['action']}",
                "above": f"{above} of {len(attacks)}",
                "offset": f"{offset} of {len(attacks)}",
            }
        )
    yield from sorted(lines, key=lambda line: (line["budget"], -_number(line["over_noise"])))


def cards(numbers: Sequence[Headline], protector: str) -> Iterator[Headline]:
    """The headline numbers of a benchmark, those of one kind together: from the least to the most.

    Args:
        numbers: one for each attack, labelled ``kind: attack``; others stay as they are.
        protector: whose numbers they are.
    """
    for kind, label in _CARDS.items():
        alike = [h for h in numbers if h.label.startswith(f"{kind}: ")]
        values = [h.value for h in alike if isinstance(h.value, int | float)]
        if not values:
            continue
        n = min((h.n for h in alike if h.n is not None), default=None)
        low, high = (of_sample(float(end), n) for end in (min(values), max(values)))
        yield Headline(
            label,
            low if low == high else f"{low} to {high}",
            alike[0].unit,
            n,
            f"Of {protector}, least and most of {len(values)} attacks on scans that no training "
            "saw; medians over positions.",
        )
    for number in numbers:
        if not any(number.label.startswith(f"{kind}: ") for kind in _CARDS):
            yield number


def _number(cell: Cell) -> float:
    return float(cell) if isinstance(cell, int | float) else 0.0
