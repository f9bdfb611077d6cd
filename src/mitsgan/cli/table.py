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


def _disruption(result: Result) -> Table:
    count = result["config"]["positions"]
    table = Table(
        title=f"Disruption of the repainted 20 mm core, {count} lung positions per action",
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
