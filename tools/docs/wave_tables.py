"""Tables of docs/decisions/wave.md, field.md and keyed-wave.md, from the results they name."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from statistics import geometric_mean

from drawing import plain
from result_tables import RESULTS, read_result

from claims import Run
from mitsgan.attack import ACTIONS
from mitsgan.evaluate.benchmark.result import Benchmark
from mitsgan.evaluate.report.formatting import Cell
from mitsgan.evaluate.report.table import Column, Table

SUMMARY = RESULTS / "wave" / "summary.json"
NOTCH = RESULTS / "notch" / "summary.json"
FIELD = RESULTS / "field" / "summary.json"
BESIDE_FIELD = ("bias field", "MITS-GAN", "wave")
ON_FIELD = 24
"""How many positions of each scan are attacked there."""
KEYED = RESULTS / "counts-keyed" / "summary.json"
BESIDE_KEYED = ("keyed wave", "bias field", "MITS-GAN", "MITS-GAN with waves", "wave")
LIGHT = ("blur-0.5mm", "blur-1voxel", "slice-average-3")
"""Purifiers that leave what is fine or what is slow."""
_MADE_FOR = {"MITS-GAN": "comb", "MITS-GAN with waves": "notch", "wave": "notch"}
"""The filter for what each protector is known to add."""
KNOWING = tuple(_MADE_FOR)
PROTECTORS = ("wave", "MITS-GAN")
HELD_OUT = "residual"
POSITIONS, FEWER = 48, 16
"""How many are attacked on each scan; and behind purifiers, or by those who know the method."""
TRAINED_AGAINST = ("textured", "smooth", "narrow")
_TWO = ("textured", HELD_OUT)
_TITLES = {"purifier": "After a purifier", "variant": "Attackers who know the method"}
_FIRST = {"purifier": "purifier", "variant": "what the attacker does"}
_RECOMPUTED = ("added_hu", "seed_known_hu", "seed_unknown_hu")

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
    return plain(["scan", "budget", "action", *_of_pairs(PROTECTORS, POSITIONS)], made)


def purified(
    summary: Path = SUMMARY,
    protectors: Sequence[str] = PROTECTORS,
    positions: int = FEWER,
    kinds: Sequence[str] = tuple(_TITLES),
) -> str:
    """What is left behind a purifier, and against attackers who know of protection.

    Args:
        summary: of a benchmark.
        protectors: in it.
        positions: how many were attacked.
        kinds: which of the two.
    """
    made: list[list[Cell]] = []
    for kind in kinds:
        rows = [row for row in _rows(_TITLES[kind], summary) if row["n"] == positions]
        for name in dict.fromkeys(str(row[kind]) for row in rows):
            cells: list[Cell] = [f"`{name}`"]
            for protector in protectors:
                for attacker in _TWO:
                    cells += [
                        _over(rows, protector, attacker, action, **{kind: name})
                        for action in ACTIONS
                    ]
            made.append(cells)
    columns: list[str | Column] = [", or ".join(_FIRST[kind] for kind in kinds)]
    for protector in protectors:
        for attacker in _TWO:
            columns += [
                _ratio(f"{protector}, `{attacker}`, {action}", positions) for action in ACTIONS
            ]
    return plain(columns, made)


def lightly_purified() -> str:
    """What a light purifier leaves of a keyed wave, and of two that are known to differ there."""
    protectors = ("keyed wave", "MITS-GAN", "wave")
    run = Run.read(KEYED.parent, "").rows
    rows = [
        {**row, **run.measured(row)} for purifier in LIGHT for row in run.attacks(purifier=purifier)
    ]
    made: list[list[Cell]] = []
    for scan, purifier in sorted({(str(row["scan"]), str(row["purifier"])) for row in rows}):
        there = [row for row in rows if (row["scan"], row["purifier"]) == (scan, purifier)]
        for action in ACTIONS:
            cells = [_over(there, p, of, action) for p in protectors for of in _TWO]
            made.append([scan, f"`{purifier}`", action, *cells])
    columns = [_ratio(f"{p}, `{of}`", FEWER) for p in protectors for of in _TWO]
    return plain(["scan", "purifier", "action", *columns], made)


def notched(
    summary: Path = NOTCH, protectors: Sequence[str] = KNOWING, positions: int = POSITIONS
) -> str:
    """What is left where an attacker knows what a protector adds, scan by scan.

    Args:
        summary: of a benchmark.
        protectors: in it.
        positions: how many were attacked on each scan.
    """
    rows = [row for row in _rows(_TITLES["variant"], summary) if row["n"] == positions]
    made: list[list[Cell]] = []
    for scan in dict.fromkeys(str(row["scan"]) for row in rows):
        of_scan = [row for row in rows if row["scan"] == scan]
        for action in ACTIONS:
            for variant in dict.fromkeys(str(row["variant"]) for row in rows):
                of_variant = [row for row in of_scan if row["variant"] == variant]
                cells = [cell for p in protectors for cell in _pairs(of_variant, p, action)]
                made.append([scan, action, f"`{variant}`", *cells])
    columns = _of_pairs(protectors, positions)
    return plain(["scan", "action", _FIRST["variant"], *columns], made)


def recomputed() -> str:
    """What is left where the same protector is run again on what it protected, and subtracted."""
    labels = ("added, HU", "left, with the seed, HU", "left, with another seed, HU")
    columns = [Column("", label, digits=2) for label in labels]
    rows: list[list[Cell]] = [
        [row["scan"], f"`{row['protector']}`", *(row[key] for key in _RECOMPUTED)]
        for row in read_result("recomputed")["rows"]
    ]
    return plain(["scan", "protector", *columns], rows)


def filtered(scan: str, protector: str) -> list[float]:
    """Over noise, what is left on a scan where what a protector is known to add is filtered."""
    wanted = {"scan": scan, "protector": protector, "variant": _MADE_FOR[protector]}
    rows = _rows(_TITLES["variant"], NOTCH)
    return [float(str(row["over_noise"])) for row in rows if wanted.items() <= row.items()]


def against(protector: str, action: str, variants: Sequence[str]) -> list[float]:
    """Over noise on both scans of `KEYED`, by the three pairs together and by the one held out."""
    rows = [row for row in _rows(_TITLES["variant"], KEYED) if row["n"] == ON_FIELD]
    found: list[float] = []
    for scan in dict.fromkeys(row["scan"] for row in rows):
        for variant in variants:
            there = [row for row in rows if (row["scan"], row["variant"]) == (scan, variant)]
            found += [float(str(cell)) for cell in _pairs(there, protector, action)]
    return found


def _of_pairs(protectors: Sequence[str], positions: int) -> list[Column]:
    """The columns of `_pairs`, protector by protector."""
    labels = (f"{p}, {pairs}" for p in protectors for pairs in ("three pairs", f"`{HELD_OUT}`"))
    return [_ratio(label, positions) for label in labels]


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
    return [
        table.title
        for table in _tables(SUMMARY)
        if table.title.startswith(start) and " over " not in table.title
    ]


def _rows(title: str, summary: Path = SUMMARY) -> list[Row]:
    (table,) = (t for t in _tables(summary) if t.title == title)
    return [dict(row) for row in table.rows]


@cache
def _tables(summary: Path) -> Sequence[Table]:
    return Benchmark.read(summary).tables
