"""Tables and curves of docs/decisions/objective.md, from docs/results/objectives*.json."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import groupby
from pathlib import Path

from drawing import draw_curves, is_stale, plain
from result_tables import RESULTS

from ascents import START
from in_ball import OPEN_MM, Ball, Cell, Reached
from mitsgan.attack import Action
from mitsgan.evaluate.attacks.appearance import Judge
from mitsgan.evaluate.report.content import Axis, Curve, Point, Series
from mitsgan.evaluate.report.formatting import Cell as Shown
from mitsgan.evaluate.report.formatting import printed
from mitsgan.evaluate.report.table import Column
from objectives import ALL_LUNG, GOALS, TESTERS, Objectives
from struck import Met, Struck

SUMMARY = RESULTS / "objectives.json"
PICTURE = RESULTS.parent / "images" / "objectives.svg"

_TITLE = "Disruption over attacks"
_NOT_ASCENTS = ("untouched", "constant offset", "random signs", "network")
_DIRECTED = {"inject": "excess", "remove": "remainder"}
_LEAST_MM = 4.0
"""Smaller balls hold too few positions for shares of them; they are in the curves."""


Ordered = tuple[str, float, float, int]
"""By what cells are sorted: action, radius, budget, middle."""


def reached(action: Action) -> str:
    """What the pair comes to that was optimised against, ball by ball."""
    columns: list[str | Column] = [
        *("ball", "budget", "made for", Column("", "n")),
        *(Column("", "attacks per cm³", digits=0), Column("", "CPU time", "s", digits=0)),
        *(Column("", "RMSE put in", "HU", digits=1), Column("", "disruption", "HU", sample="3")),
        Column("", "over noise", sample="3"),
        *_share_columns(action),
        Column("", "lump, median", "mm³", digits=0),
    ]
    rows: list[list[Shown]] = []
    for cells in _groups(action):
        for name, cell, struck, noise in _perturbations(cells):
            met = struck.met[0]
            cost = ("", "") if cell is None else (cell.curve[-1].attacks_per_cm3, cell.cpu_seconds)
            row: list[Shown] = [*_where(cells[0]), name, met.n, *cost, struck.rmse_hu or ""]
            row += [met.disruption_hu or "", _over(met, noise), *_shares(action, met)]
            rows.append([*row, met.lump_mm3])
    return plain(columns, rows)


def held_out(action: Action) -> str:
    """What the pairs come to that took no part."""
    columns: list[str | Column] = ["ball", "budget", "made for"]
    first = next(_groups(action))[0]
    for met in first.struck.met[1:]:
        columns += [Column("", f"`{met.pair}`, n"), Column("", "disruption", "HU", sample=met.n)]
        columns += [Column("", "over noise", sample=met.n), *_share_columns(action, met.n)]
    rows: list[list[Shown]] = []
    for cells in _groups(action):
        for name, _, struck, noise in _perturbations(cells):
            row: list[Shown] = [*_where(cells[0]), name]
            for number, met in enumerate(struck.met[1:], 1):
                row += [met.n, met.disruption_hu or "", _over(met, noise, number)]
                row += _shares(action, met)
            rows.append(row)
    return plain(columns, rows)


def over_attacks() -> str:
    """How far each ascent was after parts of its steps."""
    columns: list[str | Column] = [
        *("action", "ball", "budget", "made for", "middle"),
        *("attacks per cm³: disruption, HU", Column("", "noise", "HU", significant=2)),
        *(Column("", "network", "HU", significant=2), Column("", "offset", "HU", significant=2)),
    ]
    rows: list[list[Shown]] = []
    of_the_scan = ((result, cell) for result in _same_scan() for cell in result.cells)
    for result, cell in sorted(of_the_scan, key=lambda pair: _rank(pair[1])):
        controls = result.of(cell.ball, cell.budget_hu)
        assert controls is not None  # measured before the first cell
        points = (
            f"{_attacks(point)}: {printed(point.met.disruption_hu, 0)}" for point in cell.curve
        )
        shown = (cell.noise, controls.network, controls.offset)
        row: list[Shown] = [cell.ball.action, *_where(cell), _made_for(cell), cell.ball.middle + 1]
        rows.append([*row, ", ".join(points), *(one.met[0].disruption_hu for one in shown)])
    return plain(columns, rows)


def elsewhere() -> str:
    """On other scans, or with more attacks: what each ascent came to, beside what is no ascent."""
    columns: list[str | Column] = [
        *("scan", "action", "ball", "budget", "made for", "middle"),
        Column("", "attacks per cm³", digits=0),
        *(Column("", what, "HU", digits=0) for what in ("disruption", *_NOT_ASCENTS[1:])),
        Column("", "over noise", significant=2),
        *(f"`{who}`: fail, by measurement: untouched, with it, %" for who in TESTERS),
    ]
    rows: list[list[Shown]] = []
    for result in _others():
        for cell in sorted(result.cells, key=_rank):
            controls = result.of(cell.ball, cell.budget_hu)
            assert controls is not None  # measured before the first cell
            own, noise = cell.struck.met[0], cell.noise.met[0]
            row: list[Shown] = [f"`{result.scan}`", cell.ball.action, *_where(cell)]
            row += [_made_for(cell), cell.ball.middle + 1, cell.curve[-1].attacks_per_cm3]
            for struck in (cell.struck, controls.offset, cell.noise, controls.network):
                row.append(struck.met[0].disruption_hu)
            row.append(own.disruption_hu / noise.disruption_hu)
            for before, after in zip(controls.untouched.met, cell.struck.met, strict=True):
                row.append(f"{_failed(before)}, {_failed(after)}")
            rows.append(row)
    return plain(columns, rows)


def stale_picture() -> Iterator[Path]:
    """The plot, where it is not of the numbers in the result."""
    if is_stale(PICTURE, _curves()):
        yield PICTURE


def draw_picture() -> None:
    """Draw the plot anew if it is stale, as SVG."""
    draw_curves(PICTURE, _TITLE, _curves())


def _curves() -> list[Curve]:
    """A panel for each action and budget, a line for each ball and objective."""
    cells = [
        cell
        for cell in sorted((c for result in _same_scan() for c in result.cells), key=_order)
        if cell.ball.middle == 0 and cell.ball.ball_mm != 0
    ]
    goals = [c for c in cells if c.goal in ("distance", _DIRECTED[c.ball.action])]
    drawn = [c for c in goals if not c.varied and c.start == START]
    longest = {cell.key: cell for cell in sorted(drawn, key=lambda cell: cell.curve[-1].attacks)}
    panels: dict[tuple[Action, float], list[Cell]] = {}
    for cell in sorted(longest.values(), key=_order):
        panels.setdefault((cell.ball.action, cell.budget_hu), []).append(cell)
    return [
        Curve(
            id=f"attacks-{action}-{budget:g}",
            title=f"{action}, {budget:g} HU",
            x=Axis("attacks per cm³ of the ball", log=True),
            y=Axis("disruption, median", "HU", log=True),
            series=tuple(Series(_line(c), tuple(_points(c))) for c in group),
        )
        for (action, budget), group in panels.items()
    ]


def _points(cell: Cell) -> Iterator[Point]:
    for reached in cell.curve:
        if reached.attacks_per_cm3 is not None:
            met = reached.met
            yield Point(round(reached.attacks_per_cm3), met.disruption_hu, n=met.n)


def _line(cell: Cell) -> str:
    kind = "distance" if cell.goal == "distance" else "directed"
    return f"{_ball(cell.ball)}, {kind}"


@cache
def _result() -> Objectives:
    return Objectives.read(SUMMARY)


def _same_scan() -> list[Objectives]:
    """Of the first scan: with the usual numbers of attacks, and with more."""
    first = _result()
    return [first, *(other for other in _others() if other.scan == first.scan)]


@cache
def _others() -> list[Objectives]:
    """On other scans, and with more attacks, by name."""
    return [Objectives.read(path) for path in sorted(RESULTS.glob(f"{SUMMARY.stem}-*.json"))]


def _cells() -> list[Cell]:
    """Ball by ball; of each, goals in the order in which they are measured."""
    return sorted(_result().cells, key=_rank)


def _rank(cell: Cell) -> tuple[Ordered, bool, str, int]:
    return _order(cell), cell.varied, cell.start, GOALS[cell.ball.action].index(cell.goal)


def _order(cell: Cell) -> Ordered:
    return cell.ball.action, _radius_mm(cell.ball), cell.budget_hu, cell.ball.middle


def _radius_mm(ball: Ball) -> float:
    return ALL_LUNG if ball.ball_mm is None else ball.ball_mm


def _groups(action: Action) -> Iterator[list[Cell]]:
    """Cells of one ball and budget, around the first middle."""

    def chosen(ball: Ball) -> bool:
        return ball.action == action and ball.middle == 0 and _radius_mm(ball) >= _LEAST_MM

    cells = [cell for cell in _cells() if chosen(cell.ball)]
    for _, group in groupby(cells, key=_order):
        yield list(group)


def _perturbations(
    cells: Sequence[Cell],
) -> Iterator[tuple[str, Cell | None, Struck, Struck | None]]:
    """What stands beside ascents, then these: name, cell, what it came to, noise like it."""
    controls = _result().of(cells[0].ball, cells[0].budget_hu)
    assert controls is not None  # measured before the first cell
    struck = (controls.untouched, controls.offset, cells[0].noise, controls.network)
    for name, one in zip(_NOT_ASCENTS, struck, strict=True):
        yield name, None, one, None
    for cell in cells:
        yield _made_for(cell), cell, cell.struck, cell.noise


def _made_for(cell: Cell) -> str:
    varied = ", varied" if cell.varied else ""
    start = "" if cell.start == START else f", from `{cell.start}`"
    return f"`{cell.goal}`{varied}{start}"


def _where(cell: Cell) -> tuple[str, str]:
    return _ball(cell.ball), f"{cell.budget_hu:g} HU"


def _ball(ball: Ball) -> str:
    if ball.ball_mm is None:
        return "all lung"
    return f"{ball.ball_mm:g} mm" if ball.ball_mm <= OPEN_MM else f"lung in {ball.ball_mm:g} mm"


def _attacks(reached: Reached) -> str:
    """For each cm3, or in all where the position is known."""
    per_cm3 = reached.attacks_per_cm3
    return f"{reached.attacks} in all" if per_cm3 is None else f"{per_cm3:.0f}"


def _over(met: Met, noise: Struck | None, number: int = 0) -> Shown:
    return "" if noise is None else met.disruption_hu / noise.met[number].disruption_hu


def _share_columns(action: Action, n: int | str = "3") -> list[Column]:
    what = "still pass" if action == "inject" else "leave something"
    return [Column("", f"{what}, {judge}", "%", sample=n) for judge in _judges()]


def _shares(action: Action, met: Met) -> list[Shown]:
    """Of injections those that pass, of removals those that leave something to see."""
    failed = (met.failed[judge].rate or 0.0 for judge in _judges())
    return [100 * (1 - share if action == "inject" else share) for share in failed]


def _failed(met: Met) -> str:
    return printed(100 * (met.failed["measurement"].rate or 0.0), 0)


def _judges() -> tuple[Judge, ...]:
    return "classifier", "measurement"
