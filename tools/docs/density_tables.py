"""What protectors move of the density of the lung, from docs/results/density."""

from __future__ import annotations

from drawing import plain
from result_tables import RESULTS

from mitsgan.evaluate.report.formatting import Cell
from mitsgan.evaluate.report.table import Column
from mitsgan.evaluate.result import Evaluation
from mitsgan.protect.protector import PROTECTORS


def density_evaluations() -> list[Evaluation]:
    """Scans without tampering, by each protector, the default first."""
    found = [Evaluation.read(path) for path in sorted((RESULTS / "density").glob("*.json"))]
    rank = PROTECTORS.names().index
    return sorted(found, key=lambda one: (one.scan.name, rank(one.protected_by or "")))


def lung_means(protector: str) -> list[float]:
    """By how much a protector moves the mean of the lung, scan by scan, in HU."""
    return [
        abs(figure.change or 0.0)
        for one in density_evaluations()
        for figure in one.invariants
        if one.protected_by == protector and figure.name == "lung, mean"
    ]


def density() -> str:
    """What each protector moves of the figures of density, scan by scan."""
    figures = {"lung, mean": "HU", "LAA-950": "percentage points", "Perc15": "HU"}
    columns: list[str | Column] = ["scan", "protector"]
    columns += [f"{name}, {unit}" for name, unit in figures.items()]
    columns.append(Column("", "RMSE of the scan", "HU", digits=1))
    rows: list[list[Cell]] = []
    for one in density_evaluations():
        change = {figure.name: figure.change for figure in one.invariants}
        row: list[Cell] = [f"`{one.scan.name}`", f"`{one.protected_by}`"]
        row += [f"{change[name] or 0:+.1f}" for name in figures]
        rows.append([*row, one.fidelity.rmse_hu])
    return plain(columns, rows)
