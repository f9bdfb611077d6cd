"""Tables of docs/where-it-counts.md, from docs/results/counts/summary.json."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from statistics import geometric_mean

from benchmark_digest import Row, number, rows_by_table
from drawing import plain
from result_tables import RESULTS

from mitsgan.evaluate.benchmark.config import NONE, PLAIN
from mitsgan.evaluate.benchmark.result import Benchmark
from mitsgan.evaluate.report.formatting import Cell
from mitsgan.evaluate.report.table import Column

SUMMARY = RESULTS / "counts" / "summary.json"
ACTIONS = ("inject", "remove")
TRAINED_AGAINST = ("textured", "smooth", "narrow")
"""What both networks were trained against."""

HELD_OUT = ("residual", "diffusion")
DEFAULT = "10 HU"
POSITIONS, PLANTED, FEWER = 48, 24, 16
"""How many are attacked: random ones, planted nodules, and behind purifiers."""

Subject = tuple[str, str, str]
"""Scan, budget, protector."""


def over_noise() -> str:
    """Median disruption over that of noise of equal RMSE: white-box, and held out."""
    columns: list[str | Column] = ["scan", "budget", "protector", "action"]
    columns += [
        Column("", "white-box, three pairs", sample=POSITIONS),
        *(Column("", f"held out, `{pair}`", sample=POSITIONS) for pair in HELD_OUT),
        Column("", "white-box over offset of equal RMSE, least pair", sample=POSITIONS),
        Column("", "worst place, `textured`", "HU", sample=POSITIONS),
        Column("", "least behind five purifiers", sample=FEWER),
        Column("", "least, attacker knows the method", sample=FEWER),
    ]
    made: list[list[Cell]] = []
    purified, adaptive = _tables()["purifiers"], _tables()["adaptive"]
    for subject in _subjects():
        for action in ACTIONS:
            at = _white_box(subject, action)
            made.append(
                [
                    f"`{subject[0]}`",
                    *subject[1:],
                    action,
                    _together(at),
                    *(
                        number(_found(_main(subject[0]), subject, action, pair)["over_noise"])
                        for pair in HELD_OUT
                    ),
                    min(number(row["disruption"]) / number(row["offset"]) for row in at),
                    number(at[0]["worst"]),
                    _least(purified, subject, action, "purifier", NONE),
                    _least(adaptive, subject, action, "variant", PLAIN),
                ]
            )
    return plain(columns, made)


def findings() -> str:
    """What both tables come to."""
    lines = []
    subjects = _subjects()
    protectors = list(dict.fromkeys(protector for _, _, protector in subjects))
    scans = list(dict.fromkeys(scan for scan, _, _ in subjects))
    for action in ACTIONS:
        parts = [
            " and ".join(f"{_together(_white_box((s, DEFAULT, p), action)):.1f}" for s in scans)
            + f" ({p})"
            for p in protectors
        ]
        lines.append(
            f"- **Over noise at {DEFAULT}, white-box, {action}**, on "
            f"{' and '.join(f'`{scan}`' for scan in scans)}: {', '.join(parts)}."
        )
    more = [
        max(
            number(row["classifier_protected"]) - number(row["classifier_original"])
            for row in _tables()["failures"]
            if row["action"] == "inject" and row["scan"] == scan
        )
        for scan in scans
    ]
    lines.append(
        "- **Nearly as many injections pass for the classifier as without protection**: at any "
        "budget, with any protector and any pair, the share that fails rises by at most "
        + " and ".join(f"{points:.0f}" for points in more)
        + " points."
    )
    return "\n".join(lines)


def outcomes() -> str:
    """How many attacks failed, by two judges, beside how many fail on the scan as it is."""
    shares = [
        Column("", f"{who}, {judge}: without, with it", "%")
        for who in ("`textured` injections that fail", "`residual` injections that fail")
        for judge in ("classifier", "measurement")
    ]
    shares += [
        Column("", f"`textured` removals of planted nodules that leave something, {judge}", "%")
        for judge in ("classifier", "measurement")
    ]
    columns: list[str | Column] = ["scan", "budget", "protector", *shares]
    made: list[list[Cell]] = []
    for scan, budget, protector in _subjects():
        cells: list[Cell] = [f"`{scan}`", budget, protector]
        for pair in ("textured", "residual"):
            cells += _failed((scan, budget, protector), pair, "inject", POSITIONS)
        planted = (f"{scan}, planted nodules", budget, protector)
        cells += _failed(planted, "textured", "remove", PLANTED)
        made.append(cells)
    return plain(columns, made)


def _white_box(subject: Subject, action: str) -> list[Row]:
    rows = _main(subject[0])
    return [_found(rows, subject, action, pair) for pair in TRAINED_AGAINST]


def _together(rows: Sequence[Row]) -> float:
    """The geometric mean over noise."""
    return geometric_mean(number(row["over_noise"]) for row in rows)


def _failed(subject: Subject, pair: str, action: str, n: int) -> Iterator[Cell]:
    for judge in ("classifier", "measurement"):
        row = _found(_tables()["failures"], subject, action, pair, scan=subject[0], n=n)
        without, with_it = (number(row[f"{judge}_{end}"]) for end in ("original", "protected"))
        yield f"{without:.0f}, {with_it:.0f}"


def _least(rows: Sequence[Row], subject: Subject, action: str, kind: str, nothing: str) -> Cell:
    """The least over noise of all that may be done, over the pairs; nothing where none was."""
    wanted = {"scan": subject[0], "budget": subject[1], "protector": subject[2], "action": action}
    found = [
        number(row["over_noise"])
        for row in rows
        if wanted.items() <= row.items() and row[kind] != nothing
    ]
    return min(found) if found else None


def _subjects() -> list[Subject]:
    mains = [name.removeprefix("main-") for name in _tables() if name.startswith("main-")]
    return [
        (scan, budget, protector)
        for scan in mains
        if "planted" not in scan
        for budget, protector in dict.fromkeys(
            (str(row["budget"]), str(row["protector"])) for row in _main(scan)
        )
    ]


def _found(rows: Sequence[Row], subject: Subject, action: str, attacker: str, **more: Cell) -> Row:
    wanted = {
        "budget": subject[1],
        "protector": subject[2],
        "action": action,
        "attacker": attacker,
        **more,
    }
    (row,) = (row for row in rows if wanted.items() <= row.items())
    return row


def _main(scan: str) -> Sequence[Row]:
    return _tables()[f"main-{scan}"]


@cache
def _tables() -> Mapping[str, Sequence[Row]]:
    return rows_by_table(Benchmark.read(SUMMARY))
