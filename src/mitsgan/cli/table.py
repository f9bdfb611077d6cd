"""The result of an evaluation as a table for people."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.table import Table

from mitsgan.cli.diagnostics_table import print_diagnostics
from mitsgan.evaluate.evaluation import Result

_WIDTH = 100
"""Where stdout is no terminal that could tell."""


def print_result(result: Result) -> None:
    """Print what was measured to stdout, units in the headings."""
    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else _WIDTH)
    close = result["fidelity"]
    console.print(
        f"{result['scan']['name']}: largest change {close['largest_hu']:g} HU, "
        f"RMS {close['rmse_hu']:.2f} HU, PSNR {close['psnr_db']:.1f} dB, SSIM {close['ssim']:.4f}",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
    if "metrics" in result:
        print_diagnostics(console, result)
    if result["disruption"]:
        console.print(_disruption(result))
    if result.get("appearance"):
        console.print(_appearance(result))


def _disruption(result: Result) -> Table:
    count, config = len(result["positions"]), result["config"]
    where = "given" if config["places"] else "lung"
    how = "" if config["variant"] == "plain" else f", attack: {config['variant']}"
    table = Table(
        title=f"Disruption of the repainted 20 mm core, {count} {where} "
        f"position{'s' if count > 1 else ''} per action{how}",
        caption="PSNR for a data range of "
        f"{result['data_range_hu']:.0f} HU; worst is the least disrupted position; "
        "gain is median disruption per RMSE put in",
    )
    table.add_column("action")
    table.add_column("scan")
    for heading in ("mean\nHU", "median\nHU", "worst\nHU", "PSNR\ndB", "RMSE in\nHU", "gain"):
        table.add_column(heading, justify="right")
    for action, rows in result["disruption"].items():
        for number, (name, row) in enumerate(rows.items()):
            rmse = row["rmse_hu"]
            table.add_row(
                action if number == 0 else "",
                name,
                *(f"{rmse[key]:.1f}" for key in ("mean", "median", "worst")),
                f"{row['psnr_db']['median']:.1f}",
                f"{row['perturbation_rmse_hu']:.2f}",
                f"{row['gain']:.2f}",
                style="bold" if name == "protected" else None,
                end_section=number == len(rows) - 1,
            )
    return table


def _appearance(result: Result) -> Table:
    table = Table(
        title="What the attacked cubes look like",
        caption="nodule: called one by the nodule classifier; abnormal: no healthy lung of this "
        "scan looks like that (one in a hundred is called so by chance); either of them is seen",
    )
    table.add_column("action")
    table.add_column("n", justify="right")
    table.add_column("cube")
    for heading in ("nodule\n%", "abnormal\n%", "either\n%"):
        table.add_column(heading, justify="right")
    for action, found in result["appearance"].items():
        for number, (state, row) in enumerate(found["states"].items()):
            shares = (row[f"{key}_share"] for key in ("nodule", "abnormal", "seen"))
            table.add_row(
                action if number == 0 else "",
                str(found["n"]) if number == 0 else "",
                state,
                *("-" if share is None else f"{100 * share:.0f}" for share in shares),
                style="bold" if state == "tampered protected" else None,
                end_section=number == len(found["states"]) - 1,
            )
    return table
