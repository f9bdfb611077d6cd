"""Tables of docs/decisions/wave.md, from docs/results/wave/summary.json."""

from __future__ import annotations

from statistics import geometric_mean

from drawing import plain
from result_tables import RESULTS

from mitsgan.attack import ACTIONS
from mitsgan.evaluate.benchmark.result import Benchmark
from mitsgan.evaluate.report.formatting import Cell
from mitsgan.evaluate.report.table import Column

SUMMARY = RESULTS / "wave" / "summary.json"
PROTECTORS = ("wave", "MITS-GAN")
HELD_OUT = "residual"
POSITIONS, FEWER = 48, 16
"""How many are attacked on each scan; and behind purifiers, or by those who know the method."""
TRAINED_AGAINST = ("textured", "smooth", "narrow")

Row = dict[str, Cell]


def scans() -> str:
    """Over noise of the same energy on each scan: three pairs together, and the one held out."""
    made: list[list[Cell]] = []
    for title in _titles("Disruption on "):
        rows = _rows(title)
        for budget in sorted({str(row["budget"]) for row in rows}):
            of_budget = [row for row in rows if row["budget"] == budget]
            if {row["protector"] for row in of_budget} == set(PROTECTORS):
                for action in ACTIONS:
                    cells = [r for p in PROTECTORS for r in _pairs(of_budget, p, action)]
                    made.append([title.removeprefix("Disruption on "), budget, action, *cells])
    columns: list[str | Column] = ["scan", "budget", "action"]
    for protector in PROTECTORS:
        columns += [_ratio(f"{protector}, three pairs", POSITIONS)]
        columns.append(_ratio(f"{protector}, `{HELD_OUT}`", POSITIONS))
    return plain(columns, made)


def purified() -> str:
    """What is left behind a purifier, and against attackers who know of protection."""
    made: list[list[Cell]] = []
    for title, kind in (
        ("After a purifier", "purifier"),
        ("Attackers who know the method", "variant"),
    ):
        rows = [row for row in _rows(title) if row["n"] == FEWER]
        for name in dict.fromkeys(str(row[kind]) for row in rows):
            cells: list[Cell] = [f"`{name}`"]
            for protector in PROTECTORS:
                for attacker in ("textured", HELD_OUT):
                    cells += [
                        _over(rows, protector, attacker, action, **{kind: name})
                        for action in ACTIONS
                    ]
            made.append(cells)
    columns: list[str | Column] = ["purifier, or what the attacker does"]
    for protector in PROTECTORS:
        for attacker in ("textured", HELD_OUT):
            columns += [_ratio(f"{protector}, `{attacker}`, {action}", FEWER) for action in ACTIONS]
    return plain(columns, made)


def _ratio(label: str, positions: int) -> Column:
    return Column("", label, sample=positions)


def _pairs(rows: list[Row], protector: str, action: str) -> list[Cell]:
    """The geometric mean over the pairs that the network was trained against; the other pair."""
    three = [_over(rows, protector, pair, action) for pair in TRAINED_AGAINST]
    return [geometric_mean(three), _over(rows, protector, HELD_OUT, action)]


def _over(rows: list[Row], protector: str, attacker: str, action: str, **named: str) -> float:
    wanted = {"protector": protector, "attacker": attacker, "action": action, **named}
    (row,) = (row for row in rows if wanted.items() <= row.items())
    value = row["over_noise"]
    assert isinstance(value, float)
    return value


def _titles(start: str) -> list[str]:
    tables = Benchmark.read(SUMMARY).tables
    return [
        table.title
        for table in tables
        if table.title.startswith(start) and " over " not in table.title
    ]


def _rows(title: str) -> list[Row]:
    (table,) = (t for t in Benchmark.read(SUMMARY).tables if t.title == title)
    return [dict(row) for row in table.rows]
