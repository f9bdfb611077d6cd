"""Budget, metrics and invariants of an evaluation as tables for people."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from mitsgan.evaluate.evaluation import Result
from mitsgan.perturb import Budget

_METRICS = (
    ("RMSE\nHU", "rmse_hu", ".2f"),
    ("MAE\nHU", "mae_hu", ".2f"),
    ("max\nHU", "largest_hu", ".1f"),
    ("PSNR\ndB", "psnr_db", ".1f"),
    ("SSIM", "ssim", ".4f"),
    ("LPIPS", "lpips", ".4f"),
)

_VERDICTS = {None: "", True: "within", False: "BEYOND"}


def print_diagnostics(console: Console, result: Result) -> None:
    """Print what was measured without an attacker, and what could not be."""
    _line(console, budget_line(result))
    console.print(_metrics(result))
    if result["invariants"]:
        console.print(_invariants(result))
        for row in result["invariants"]:
            if row["tolerance_source"]:
                _line(console, f"tolerance of {row['name']}: {row['tolerance_source']}")
    for gap in result["gaps"]:
        _line(console, f"not measured: {gap}")


def budget_line(result: Result) -> str:
    """Whether the budget was kept, in one sentence."""
    check = result["budget_check"]
    budget = Budget(check["max_hu"], check.get("noise_fraction"))
    if not check["over"]:
        text = f"budget of {budget} kept by all {check['voxels']} voxels"
    else:
        z, y, x = check["worst_voxel"]
        place = ", ".join(f"{v:.1f}" for v in check["worst_lps_mm"])
        text = (
            f"BUDGET of {budget} NOT KEPT: {check['over']} of {check['voxels']} voxels are beyond "
            f"it, the largest change is {_number(check['largest_hu'], 'g')} HU at voxel "
            f"({z}, {y}, {x}) [z, y, x], ({place}) mm LPS"
        )
    moved = check["padding_moved"]
    padding = (
        f"padding untouched ({check['padding']} voxels)"
        if not moved
        else f"PADDING CHANGED: {moved} of {check['padding']} voxels"
    )
    if not check["padding"]:
        padding = "no padding"
    return f"{text}; {padding}; same geometry (corners within {check['corners_mm']:.2g} mm)"


def _metrics(result: Result) -> Table:
    table = Table(
        title="How far the scans are apart",
        caption="; ".join(
            f"{name}: {w['low_hu']:.0f} to {w['high_hu']:.0f} HU"
            for name, w in result["windows"].items()
        )
        + "; PSNR and SSIM refer to that range",
    )
    for heading in ("compared", "where", "window"):
        table.add_column(heading)
    for heading, _, _ in _METRICS:
        table.add_column(heading, justify="right")
    previous = ""
    for row in result["metrics"]:
        windows = row["windows"]
        for number, (window, values) in enumerate(windows.items()):
            first = number == 0
            table.add_row(
                row["compared"] if first and row["compared"] != previous else "",
                row["region"] if first else "",
                window,
                *(_number(values[key], form) for _, key, form in _METRICS),
                end_section=number == len(windows) - 1,
            )
        previous = row["compared"]
    return table


def _invariants(result: Result) -> Table:
    table = Table(
        title="What a diagnosis rests on",
        caption="re-scan: change under noise of the same RMSE, coloured as the scan's own; "
        "empty tolerance: none claimed",
    )
    table.add_column("figure")
    table.add_column("unit")
    for heading in ("original", "protected", "change", "re-scan", "tolerance"):
        table.add_column(heading, justify="right")
    table.add_column("")
    for row in result["invariants"]:
        decimals = _decimals([row["original"], row["protected"]])
        table.add_row(
            row["name"],
            row["unit"],
            *(_number(row[key], f".{decimals}f") for key in ("original", "protected")),
            *(_number(row[key], f"+.{decimals}f") for key in ("change", "rescan_change")),
            "" if row["tolerance"] is None else f"{row['tolerance']:.4g}",
            _VERDICTS[row["within"]],
        )
    return table


def _decimals(values: Sequence[float | None]) -> int:
    """So many that four digits of the largest value are seen, at least one decimal of all."""
    largest = max((abs(v) for v in values if v is not None), default=1.0)
    if largest == 0:
        return 2
    return min(5, max(1, 3 - math.floor(math.log10(largest))))


def _number(value: float | None, form: str) -> str:
    if value is None:
        return "-"
    return f"{value:{form}}" if math.isfinite(value) else "inf"


def _line(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
