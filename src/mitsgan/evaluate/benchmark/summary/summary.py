"""The summary of a benchmark, a pure function of its rows: headline, tables, curves, gaps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mitsgan.evaluate.benchmark.cells import all_tasks
from mitsgan.evaluate.benchmark.config import BenchmarkConfig
from mitsgan.evaluate.benchmark.provenance import OTHER_WEIGHTS
from mitsgan.evaluate.benchmark.result import Benchmark
from mitsgan.evaluate.benchmark.summary.bootstrap import Interval
from mitsgan.evaluate.benchmark.summary.rows import Row, Rows, shortened
from mitsgan.evaluate.benchmark.summary.tables import all_tables, uncertainty
from mitsgan.evaluate.report.content import Axis, Curve, Headline, Point, Series

_HU = Axis("disruption in the core, median", "HU", log=True)


def summarise(
    results: Mapping[str, Row],
    config: BenchmarkConfig,
    *,
    toml: str,
    raw: Mapping[str, Any],
    command: str,
    gaps: Sequence[str] = (),
) -> Benchmark:
    """Make the summary.

    Args:
        results: the rows of the journal by their keys.
        config: that they were measured by.
        toml, raw: the configuration as text, and as tables.
        command: that repeats the run.
        gaps: what could not be measured, in words.
    """
    rows = Rows(_in_order(results, config), config.resamples, config.seed)
    return Benchmark(
        title=config.title,
        command=command,
        config_toml=toml,
        config=dict(raw),
        provenance={
            "weights": [_only(row, "role", "name", "sha256") for row in rows.of("weights")],
            "scans": [
                {"name": row["scan"], **_only(row, "shape", "spacing_mm", "role")}
                for row in rows.of("scan")
            ],
        },
        headline=tuple(headline(rows, config)),
        tables=tuple(all_tables(rows)),
        curves=(*budget_curves(rows, config), *uncertainty_curves(rows)),
        gaps=tuple(gaps),
    )


def headline(rows: Rows, config: BenchmarkConfig) -> list[Headline]:
    """What the first protector is worth on unseen scans, at the budgets of the first sweep."""
    ours = config.protectors[0].name
    budgets = {budget.name for budget in config.sweeps[0].budgets}
    trained = {row["protector"]: row["trained_on"] for row in rows.of("protector")}.get(ours, ())
    held_out = {row["attacker"] for row in rows.of("attacker", held_out=True)}
    kinds = {
        "white-box": set(trained),
        "other weights of": {name.removesuffix(OTHER_WEIGHTS) for name in trained},
        "held-out": held_out,
    }
    numbers: list[Headline] = []
    for row in rows.main(protector=ours, role="unseen"):
        noise = rows.beside(row, control="noise")
        kind = next((k for k, names in kinds.items() if row["attacker"] in names), None)
        if noise is None or kind is None or row["budget"] not in budgets:
            continue
        name = f"{row['scan']}, {row['budget']}, {kind} {row['attacker']}, {row['action']}"
        over, ratio, gain = (
            rows.median(row["disruption_rmse_hu"]),
            rows.ratio(row, noise),
            rows.gain(row),
        )
        noise_gain = rows.gain(noise)
        numbers += [
            _figure(f"disruption: {name}", over, "HU", "median RMSE in the repainted 20 mm core"),
            _figure(f"over noise: {name}", ratio, "", "median over that of noise of equal RMSE"),
            _figure(f"gain: {name}", gain, "", f"noise of equal RMSE: {noise_gain.value:.3g}"),
        ]
    for row in rows.of("protection", protector=ours, role="unseen"):
        if row["budget"] not in budgets:
            continue
        numbers.append(
            Headline(
                f"whole-scan RMSE: {row['scan']}, {row['budget']}",
                shortened(row["rmse_hu"]),
                "HU",
                row["voxels"],
                f"largest change {row['largest_hu']:g} HU; n counts voxels",
            )
        )
    return numbers


def budget_curves(rows: Rows, config: BenchmarkConfig) -> list[Curve]:
    """Disruption over the budget, a curve per protector, and noise of the first one's RMSE."""
    caps = {
        budget.name: budget.max_hu
        for sweep in config.sweeps
        for budget in sweep.budgets
        if budget.noise_fraction is None
    }
    ours = config.protectors[0].name
    plots: dict[tuple[str, str, str], dict[str, dict[float, Point]]] = {}
    plain = [(row["protector"], row) for row in rows.attacks(form="clipped")]
    noise = rows.attacks(form="clipped", protector=ours, control="noise")
    for name, row in [*plain, *((f"noise, RMSE of {ours}", row) for row in noise)]:
        if row["budget"] not in caps:
            continue
        plot = plots.setdefault((row["scan"], row["attacker"], row["action"]), {})
        points = plot.setdefault(name, {})
        cap = caps[row["budget"]]
        # Of one budget measured at several numbers of positions, the most count.
        if cap not in points or (points[cap].n or 0) < row["n"]:
            over = rows.median(row["disruption_rmse_hu"])
            points[cap] = _point(cap, over.value, over.low, over.high, over.n)
    note = "Median over positions, 95 % bootstrap interval; plain attackers, no purifier."
    curves = []
    for (scan, attacker, action), by_protector in plots.items():
        series = tuple(
            Series(name, tuple(points[cap] for cap in sorted(points)))
            for name, points in by_protector.items()
            if len(points) > 1
        )
        if series:
            id = f"budget-{scan}-{attacker}-{action}"
            title = f"Disruption over budget: {action} by {attacker} on {scan}"
            curves.append(Curve(id, title, Axis("budget", "HU", log=True), _HU, series, note))
    return curves


def uncertainty_curves(rows: Rows) -> list[Curve]:
    """Disruption over how well the position is known, a curve per method."""
    plots: dict[tuple[str, str, str, str], dict[str, list[Point]]] = {}
    for line in uncertainty(rows)[0].rows:
        if isinstance(line["uncertainty"], str):
            continue  # uniform in the lung has no place on the axis; the table has it
        scan, attacker, action, budget = (
            str(line[key]) for key in ("scan", "attacker", "action", "budget")
        )
        where = scan, attacker, action, budget
        values = (line[key] for key in ("uncertainty", "disruption", "low", "high", "n"))
        plots.setdefault(where, {}).setdefault(str(line["protector"]), []).append(_point(*values))
    note = "Median over centres, 95 % bootstrap interval; attacked at draws of no optimisation."
    of = [where[:3] for where in plots]
    several = {where for where in of if of.count(where) > 1}  # budgets, for one attack on one scan

    def at(where: tuple[str, str, str], words: str) -> str:
        return words if where in several else ""

    return [
        Curve(
            f"uncertainty-{scan}-{attacker}-{action}"
            + at((scan, attacker, action), f"-{budget.replace(' ', '-').lower()}"),
            f"Disruption over position uncertainty: {action} by {attacker} on {scan}"
            + at((scan, attacker, action), f", {budget}"),
            Axis("position known to", "mm"),
            _HU,
            tuple(Series(name, tuple(points)) for name, points in series.items()),
            note,
        )
        for (scan, attacker, action, budget), series in plots.items()
    ]


def _point(x: Any, y: Any, low: Any, high: Any, n: Any) -> Point:
    y, low, high = (shortened(value) for value in (y, low, high))
    return Point(x, y, low, high, n)


def _figure(label: str, value: Interval, unit: str, note: str) -> Headline:
    ends = f"95 % {value.low:.3g} to {value.high:.3g}" if value.n > 1 else "no interval"
    return Headline(label, shortened(value.value), unit, value.n, f"{ends}; {note}")


def _only(row: Row, *keys: str) -> Row:
    return {key: row[key] for key in keys}


def _in_order(results: Mapping[str, Row], config: BenchmarkConfig) -> list[Row]:
    """Rows in the order of the tasks: several processes leave them in any."""
    rank = {task.key: number for number, task in enumerate(all_tasks(config))}
    last = len(rank)
    return [results[key] for key in sorted(results, key=lambda key: (rank.get(key, last), key))]
