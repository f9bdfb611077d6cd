"""The summary of a benchmark, a pure function of its rows: headline, tables, curves, gaps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mitsgan import __version__
from mitsgan.evaluate.benchmark.cells import all_tasks
from mitsgan.evaluate.benchmark.config import BenchmarkConfig
from mitsgan.evaluate.benchmark.provenance import OTHER_WEIGHTS
from mitsgan.evaluate.benchmark.rows import Row, Rows, shortened
from mitsgan.evaluate.benchmark.tables import all_tables, uncertainty

SCHEMA = 1

_HU = {"label": "disruption in the core, median", "unit": "HU", "log": True}


def summarise(
    results: Mapping[str, Row],
    config: BenchmarkConfig,
    *,
    toml: str,
    raw: Mapping[str, Any],
    command: str,
    gaps: Sequence[str] = (),
) -> Row:
    """Make the summary.

    Args:
        results: the rows of the journal by their keys.
        config: that they were measured by.
        toml, raw: the configuration as text, and as tables.
        command: that repeats the run.
        gaps: what could not be measured, in words.

    Returns:
        JSON values; the schema is in docs/benchmark.md.
    """
    rows = Rows(_in_order(results, config), config.resamples, config.seed)
    return {
        "schema": SCHEMA,
        "kind": "benchmark",
        "version": __version__,
        "title": config.title,
        "command": command,
        "config_toml": toml,
        "config": raw,
        "provenance": {
            "weights": [_only(row, "role", "name", "sha256") for row in rows.of("weights")],
            "scans": [
                {"name": row["scan"], **_only(row, "shape", "spacing_mm", "role")}
                for row in rows.of("scan")
            ],
        },
        "headline": headline(rows, config),
        "tables": all_tables(rows),
        "curves": [*budget_curves(rows, config), *uncertainty_curves(rows)],
        "gaps": list(gaps),
    }


def headline(rows: Rows, config: BenchmarkConfig) -> list[Row]:
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
    found: list[Row] = []
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
        found += [
            _figure(f"disruption: {name}", over, "HU", "median RMSE in the repainted 20 mm core"),
            _figure(f"over noise: {name}", ratio, "", "median over that of noise of equal RMSE"),
            _figure(f"gain: {name}", gain, "", f"noise of equal RMSE: {noise_gain.value:.3g}"),
        ]
    for row in rows.of("protection", protector=ours, role="unseen"):
        if row["budget"] not in budgets:
            continue
        found.append(
            {
                "label": f"whole-scan RMSE: {row['scan']}, {row['budget']}",
                "value": shortened(row["rmse_hu"]),
                "unit": "HU",
                "n": row["voxels"],
                "note": f"largest change {row['largest_hu']:g} HU; n counts voxels",
            }
        )
    return found


def budget_curves(rows: Rows, config: BenchmarkConfig) -> list[Row]:
    """Disruption over the budget, a curve per protector, and noise of the first one's RMSE."""
    caps = {
        budget.name: budget.max_hu
        for sweep in config.sweeps
        for budget in sweep.budgets
        if budget.noise_fraction is None
    }
    ours = config.protectors[0].name
    found: dict[tuple[str, str, str], dict[str, dict[float, Row]]] = {}
    plain = [(row["protector"], row) for row in rows.attacks(form="clipped")]
    noise = rows.attacks(form="clipped", protector=ours, control="noise")
    for name, row in [*plain, *((f"noise, RMSE of {ours}", row) for row in noise)]:
        if row["budget"] not in caps:
            continue
        place = row["scan"], row["attacker"], row["action"]
        points = found.setdefault(place, {}).setdefault(name, {})
        cap = caps[row["budget"]]
        # Of one budget measured at several numbers of positions, the most count.
        if cap not in points or points[cap]["n"] < row["n"]:
            over = rows.median(row["disruption_rmse_hu"])
            points[cap] = _point(cap, over.value, over.low, over.high, over.n)
    note = "Median over positions, 95 % bootstrap interval; plain attackers, no purifier."
    x = {"label": "budget", "unit": "HU", "log": True}
    curves = []
    for (scan, attacker, action), by_protector in found.items():
        series = [
            {"name": name, "points": [points[cap] for cap in sorted(points)]}
            for name, points in by_protector.items()
            if len(points) > 1
        ]
        if series:
            id = f"budget-{scan}-{attacker}-{action}"
            title = f"Disruption over budget: {action} by {attacker} on {scan}"
            curves.append(_curve(id, title, note, x, series))
    return curves


def uncertainty_curves(rows: Rows) -> list[Row]:
    """Disruption over how well the position is known, a curve per method."""
    found: dict[tuple[str, str, str], dict[str, list[Row]]] = {}
    for line in uncertainty(rows)[0]["rows"]:
        if isinstance(line["uncertainty"], str):
            continue  # uniform in the lung has no place on the axis; the table has it
        place = line["scan"], line["attacker"], line["action"]
        values = (line[key] for key in ("uncertainty", "disruption", "low", "high", "n"))
        found.setdefault(place, {}).setdefault(line["protector"], []).append(_point(*values))
    note = "Median over centres, 95 % bootstrap interval; attacked at draws of no optimisation."
    x = {"label": "position known to", "unit": "mm", "log": False}
    return [
        _curve(
            f"uncertainty-{scan}-{attacker}-{action}",
            f"Disruption over position uncertainty: {action} by {attacker} on {scan}",
            note,
            x,
            [{"name": name, "points": points} for name, points in series.items()],
        )
        for (scan, attacker, action), series in found.items()
    ]


def _curve(id: str, title: str, note: str, x: Row, series: list[Row]) -> Row:
    return {"id": id, "title": title, "note": note, "x": x, "y": dict(_HU), "series": series}


def _point(x: float, y: float, low: float, high: float, n: int) -> Row:
    return {
        "x": x,
        **{k: shortened(v) for k, v in (("y", y), ("low", low), ("high", high))},
        "n": n,
    }


def _figure(label: str, value: Any, unit: str, note: str) -> Row:
    return {
        "label": label,
        "value": shortened(value.value),
        "unit": unit,
        "n": value.n,
        "note": f"95 % {value.low:.3g} to {value.high:.3g}; {note}",
    }


def _only(row: Row, *keys: str) -> Row:
    return {key: row[key] for key in keys}


def _in_order(results: Mapping[str, Row], config: BenchmarkConfig) -> list[Row]:
    """Rows in the order of the tasks: several processes leave them in any."""
    rank = {task.key: number for number, task in enumerate(all_tasks(config))}
    last = len(rank)
    return [results[key] for key in sorted(results, key=lambda key: (rank.get(key, last), key))]
