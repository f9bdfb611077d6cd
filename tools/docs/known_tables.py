"""Tables of docs/decisions/known-places.md and docs/refine.md, from docs/results/known-places."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from statistics import geometric_mean

from drawing import plain
from result_tables import RESULTS

from known_places import KnownPlaces
from known_site import GOALS, PAIRS, TESTERS, WAYS, Beside, Cell
from mitsgan.evaluate.attacks.appearance import JUDGES
from mitsgan.evaluate.report.formatting import Cell as Shown
from mitsgan.evaluate.report.formatting import printed
from mitsgan.evaluate.report.table import Column
from struck import Met, Struck

FOLDER = RESULTS / "known-places"
_JUDGE = JUDGES[1]
HELD_OUT = tuple(pair for pair in TESTERS if pair not in PAIRS)


def in_short() -> str:
    """Over noise by all pairs, and what is left to see, for each way at a directed objective."""
    columns: list[str | Column] = ["nodules", "budget", "perturbation"]
    columns += [Column("", f"`{pair}`, over noise", sample=n) for pair, n in TESTERS.items()]
    columns += [
        f"`{pair}` removals that leave something, measurement: without, with it, %"
        for pair in PAIRS[:2]
    ]
    rows: list[list[Shown]] = []
    for result in _results():
        for beside in result.beside:
            for name, struck, noise, cell in _perturbations(result, beside):
                if noise is None or (cell is not None and cell.goal != GOALS[-1]):
                    continue
                row: list[Shown] = [_nodules(result), beside.budget, _short(name, cell)]
                row += [_over(met, noise) for met in struck.met]
                for before, after in list(zip(beside.untouched.met, struck.met, strict=True))[:2]:
                    row.append(f"{_share(before, _JUDGE)}, {_share(after, _JUDGE)}")
                rows.append(row)
    return plain(columns, rows)


def over_noise(budget: str) -> str:
    """Median disruption by each pair, and over that of random signs of equal RMSE."""
    columns: list[str | Column] = [
        *("nodules", "made against", "made for"),
        *(Column("", "RMSE put in", "HU", digits=1), Column("", "CPU time", "s", digits=0)),
        *("`textured`, HU", "`residual`, HU", "`diffusion`, HU"),
        "worst place: `textured`, `residual`, `diffusion`, HU",
        *(Column("", f"`{pair}`, over noise", sample=n) for pair, n in TESTERS.items()),
        Column("", "three pairs, over noise", sample=min(TESTERS.values())),
    ]
    rows: list[list[Shown]] = []
    for result, beside in _beside(budget):
        for name, struck, noise, cell in _perturbations(result, beside):
            if not struck.rmse_hu:
                continue
            by = {met.pair: met for met in struck.met}
            shown = [by[pair] for pair in (PAIRS[0], *HELD_OUT)]
            row: list[Shown] = [_nodules(result), name, "" if cell is None else f"`{cell.goal}`"]
            row += [struck.rmse_hu, "" if cell is None else cell.cpu_seconds]
            row += [printed(met.disruption_hu, 0) for met in shown]
            row.append(", ".join(printed(met.least_hu, 0) for met in shown))
            over = {} if noise is None else {met.pair: _over(met, noise) for met in struck.met}
            row += [over.get(pair, "") for pair in TESTERS]
            row.append(geometric_mean([over[pair] for pair in PAIRS]) if over else "")
            rows.append(row)
    return plain(columns, rows)


def left(budget: str) -> str:
    """The share of removals that leave something, by each pair and both judges."""
    columns = ["nodules", "made against", "made for"]
    columns += [f"`{pair}`: classifier, measurement, %" for pair in TESTERS]
    rows: list[list[Shown]] = []
    for result, beside in _beside(budget):
        for name, struck, _, cell in _perturbations(result, beside):
            row: list[Shown] = [_nodules(result), name, "" if cell is None else f"`{cell.goal}`"]
            for met in struck.met:
                row.append(", ".join(_share(met, judge) for judge in JUDGES))
            rows.append(row)
    return plain(columns, rows)


def curve() -> str:
    """How far each ascent was after parts of its steps."""
    columns = ["nodules", "budget", "made against", "made for", "attacks on each nodule"]
    columns += [f"`{pair}`, HU" for pair in ("textured", "smooth", "narrow", "residual")]
    rows: list[list[Shown]] = []
    for result in _results():
        for cell in result.cells:
            row: list[Shown] = [_nodules(result), cell.budget, cell.way, f"`{cell.goal}`"]
            row.append(", ".join(printed(point.attacks, 0) for point in cell.curve))
            for pair in (*PAIRS, HELD_OUT[0]):
                points = (printed(point.disruption_hu[pair], 0) for point in cell.curve)
                row.append(", ".join(points))
            rows.append(row)
    return plain(columns, rows)


def cost() -> str:
    """Milliseconds of one thread for an attack, without and with its gradient."""
    columns: list[str | Column] = ["scan", "pair"]
    columns += [
        Column("", f"{what}, {precision}", "ms", digits=1)
        for precision in ("float32", "bfloat16 where it is native")
        for what in ("attack", "with its gradient")
    ]
    rows: list[list[Shown]] = []
    for result in _results():
        for one in result.costs:
            row: list[Shown] = [_nodules(result), f"`{one.pair}`", one.attack_ms, one.gradient_ms]
            rows.append([*row, one.half_attack_ms, one.half_gradient_ms])
    return plain(columns, rows)


def _results() -> list[KnownPlaces]:
    """Real nodules first."""
    found = [KnownPlaces.read(path) for path in FOLDER.glob("*.json")]
    return sorted(found, key=lambda result: (result.planted, result.scan))


def _beside(budget: str) -> Iterator[tuple[KnownPlaces, Beside]]:
    for result in _results():
        yield from ((result, one) for one in result.beside if one.budget == budget)


def _perturbations(
    result: KnownPlaces, beside: Beside
) -> Iterator[tuple[str, Struck, Mapping[str, float] | None, Cell | None]]:
    """Name, what it came to, disruption by noise like it, and the cell of an ascent."""
    like_network = {met.pair: met.disruption_hu for met in beside.noise.met}
    yield "untouched", beside.untouched, None, None
    yield "random signs", beside.noise, None, None
    yield "constant offset", beside.offset, None, None
    yield "network", beside.network, like_network, None
    cells = [cell for cell in result.cells if cell.budget == beside.budget]
    for cell in sorted(cells, key=lambda one: (list(WAYS).index(one.way), GOALS.index(one.goal))):
        yield cell.way, cell.struck, cell.noise_hu, cell


def _nodules(result: KnownPlaces) -> str:
    sizes = " ".join(f"{one.diameter_mm:.0f}" for one in result.nodules)
    return f"`{result.scan}`, {'planted' if result.planted else 'real'}, {sizes} mm"


def _short(name: str, cell: Cell | None) -> str:
    return name if cell is None else f"ascent, {name}"


def _over(met: Met, noise: Mapping[str, float]) -> float:
    return met.disruption_hu / noise[met.pair]


def _share(met: Met, judge: str) -> str:
    (rate,) = (row.rate or 0.0 for name, row in met.failed.items() if name == judge)
    return printed(100 * rate, 0)
