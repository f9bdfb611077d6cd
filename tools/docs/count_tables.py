"""Tables of docs/where-it-counts.md, from docs/results/counts, counts-keyed and counts-known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import geometric_mean

from benchmark_digest import Row, number, rows_by_table
from drawing import plain
from result_tables import RESULTS

from mitsgan.attack import ACTIONS
from mitsgan.evaluate.benchmark.config import NONE, PLAIN
from mitsgan.evaluate.benchmark.result import Benchmark
from mitsgan.evaluate.report.formatting import Cell
from mitsgan.evaluate.report.table import Column

TRAINED_AGAINST = ("textured", "smooth", "narrow")
"""What both networks were trained against, and ascents at known places are made against."""

HELD_OUT = ("residual", "diffusion")
PAIRS = (*TRAINED_AGAINST, *HELD_OUT)
JUDGES = ("classifier", "measurement")
DEFAULT = "10 HU"
PLANTED_IN = ", planted nodules"
"""Behind the name of a scan."""

POSITIONS, PLANTED, FEWER = 48, 24, 16
"""How many are attacked: random ones, planted nodules, and behind purifiers."""


@dataclass(frozen=True)
class Subject:
    """What is attacked."""

    scan: str
    budget: str
    protector: str

    @property
    def name(self) -> str:
        """The scan, as it is called whether nodules were planted or not."""
        return f"`{self.scan.removesuffix(PLANTED_IN)}`"


@dataclass(frozen=True)
class Counted:
    """One benchmark."""

    folder: str
    protectors: tuple[str, ...] | None = None
    """That are told of; None for all."""

    @cached_property
    def tables(self) -> Mapping[str, Sequence[Row]]:
        """The rows of every table, by its id."""
        return rows_by_table(Benchmark.read(RESULTS / self.folder / "summary.json"))

    def subjects(self, *, planted: bool) -> list[Subject]:
        """Every scan, budget and protector."""
        mains = [name.removeprefix("main-") for name in self.tables if name.startswith("main-")]
        return [
            Subject(scan, *of)
            for scan in mains
            if scan.endswith(PLANTED_IN) == planted
            for of in dict.fromkeys(
                (str(row["budget"]), str(row["protector"])) for row in self._main(scan)
            )
            if self.protectors is None or of[1] in self.protectors
        ]

    def attacked(self, subject: Subject, action: str, pair: str) -> Row:
        """What a pair does to the core."""
        return _found(self._main(subject.scan), subject, action, pair)

    def white_box(self, subject: Subject, action: str) -> list[Row]:
        """The same of all three that were there."""
        return [self.attacked(subject, action, pair) for pair in TRAINED_AGAINST]

    def over_noise(self, subject: Subject, action: str) -> list[Cell]:
        """The cells of `_over_noise_columns`."""
        at = self.white_box(subject, action)
        held_out = (self.attacked(subject, action, pair) for pair in HELD_OUT)
        return [
            _together(at),
            *(number(row["over_noise"]) for row in held_out),
            min(number(row["disruption"]) / number(row["offset"]) for row in at),
            number(at[0]["worst"]),
            _least(self.tables["purifiers"], subject, action, "purifier", NONE),
            _least(self.tables["adaptive"], subject, action, "variant", PLAIN),
        ]

    def failed(
        self, subject: Subject, pair: str, action: str, n: int, judges: Sequence[str] = JUDGES
    ) -> Iterator[Cell]:
        """By each judge, without protection and with it, percent."""
        for judge in judges:
            row = _found(self.tables["failures"], subject, action, pair, scan=subject.scan, n=n)
            without, with_it = (number(row[f"{judge}_{end}"]) for end in ("original", "protected"))
            yield f"{without:.0f}, {with_it:.0f}"

    def _main(self, scan: str) -> Sequence[Row]:
        return self.tables[f"main-{scan}"]


ANYWHERE = (Counted("counts"), Counted("counts-keyed", ("keyed wave",)))
"""At places that nobody knew; the second was measured later."""

KNOWN = Counted("counts-known")
"""At places that the protector knew."""


def _over_noise_columns(sample: int) -> list[str | Column]:
    return [
        Column("", "white-box, three pairs", sample=sample),
        *(Column("", f"held out, `{pair}`", sample=sample) for pair in HELD_OUT),
        Column("", "white-box over offset of equal RMSE, least pair", sample=sample),
        Column("", "worst place, `textured`", "HU", sample=sample),
        Column("", "least behind five purifiers", sample=FEWER),
        Column("", "least, attacker knows the method", sample=FEWER),
    ]


def over_noise() -> str:
    """Median disruption over that of noise of equal RMSE: white-box, and held out."""
    made = [
        [one.name, one.budget, one.protector, action, *run.over_noise(one, action)]
        for run, one in _anywhere()
        for action in ACTIONS
    ]
    columns: list[str | Column] = ["scan", "budget", "protector", "action"]
    return plain([*columns, *_over_noise_columns(POSITIONS)], made)


def known_places() -> str:
    """The same of removals at planted nodules, of a protector that knew where they are."""
    made = [
        [
            *(one.name, one.budget, one.protector),
            *KNOWN.over_noise(one, "remove"),
            *(
                cell
                for pair in PAIRS
                for cell in KNOWN.failed(one, pair, "remove", PLANTED, ["measurement"])
            ),
        ]
        for one in KNOWN.subjects(planted=True)
    ]
    columns: list[str | Column] = ["scan", "budget", "protector", *_over_noise_columns(PLANTED)]
    columns += [
        Column("", f"`{pair}` removals that leave something, measurement: without, with it", "%")
        for pair in PAIRS
    ]
    return plain(columns, made)


def findings() -> str:
    """What both tables come to."""
    lines = []
    subjects = _anywhere()
    protectors = {one.protector: run for run, one in subjects}
    scans = list(dict.fromkeys(one.scan for _, one in subjects))
    for action in ACTIONS:
        parts = []
        for protector, run in protectors.items():
            at = [Subject(scan, DEFAULT, protector) for scan in scans]
            gains = (_together(run.white_box(one, action)) for one in at)
            parts.append(" and ".join(f"{gain:.1f}" for gain in gains) + f" ({protector})")
        lines.append(
            f"- **Over noise at {DEFAULT}, white-box, {action}**, on "
            f"{' and '.join(f'`{scan}`' for scan in scans)}: {', '.join(parts)}."
        )
    more = [
        max(
            number(row["classifier_protected"]) - number(row["classifier_original"])
            for run in ANYWHERE
            for row in run.tables["failures"]
            if row["action"] == "inject" and row["scan"] == scan and row["n"] == POSITIONS
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
        for judge in JUDGES
    ]
    shares += [
        Column("", f"`textured` removals of planted nodules that leave something, {judge}", "%")
        for judge in JUDGES
    ]
    columns: list[str | Column] = ["scan", "budget", "protector", *shares]
    made: list[list[Cell]] = []
    for run, one in _anywhere():
        planted = Subject(one.scan + PLANTED_IN, one.budget, one.protector)
        made.append(
            [
                *(one.name, one.budget, one.protector),
                *run.failed(one, "textured", "inject", POSITIONS),
                *run.failed(one, "residual", "inject", POSITIONS),
                *run.failed(planted, "textured", "remove", PLANTED),
            ]
        )
    return plain(columns, made)


def _anywhere() -> list[tuple[Counted, Subject]]:
    """Every subject of both runs, with its own; scan by scan."""
    both = [(run, one) for run in ANYWHERE for one in run.subjects(planted=False)]
    scans = list(dict.fromkeys(one.scan for _, one in both))
    return sorted(both, key=lambda pair: scans.index(pair[1].scan))


def _together(rows: Sequence[Row]) -> float:
    """The geometric mean over noise."""
    return geometric_mean(number(row["over_noise"]) for row in rows)


def _least(rows: Sequence[Row], subject: Subject, action: str, kind: str, nothing: str) -> Cell:
    """The least over noise of all that may be done, over the pairs; nothing where none was."""
    wanted = {
        "scan": subject.scan,
        "budget": subject.budget,
        "protector": subject.protector,
        "action": action,
    }
    found = [
        number(row["over_noise"])
        for row in rows
        if wanted.items() <= row.items() and row[kind] != nothing
    ]
    return min(found) if found else None


def _found(rows: Sequence[Row], subject: Subject, action: str, attacker: str, **more: Cell) -> Row:
    wanted = {
        "budget": subject.budget,
        "protector": subject.protector,
        "action": action,
        "attacker": attacker,
        **more,
    }
    (row,) = (row for row in rows if wanted.items() <= row.items())
    return row
