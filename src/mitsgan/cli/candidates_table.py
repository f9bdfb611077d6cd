"""Candidates and their recall as tables for people."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.table import Table

from mitsgan.evaluate.candidate_recall import LIMITS
from mitsgan.jobs.candidates.result import CandidatesResult

_WIDTH = 100


def print_candidates(result: CandidatesResult) -> None:
    """Print the list, what it covers, and which nodules it names."""
    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else _WIDTH)
    table = Table(title=f"{result.scan.name}: where a nodule might be")
    for heading in ("", "LPS, mm", "voxel [z, y, x]", "diameter, mm", "score, HU"):
        table.add_column(heading, justify="right")
    for number, row in enumerate(result.candidates, 1):
        table.add_row(
            str(number),
            ", ".join(f"{v:.1f}" for v in row.lps_mm),
            ", ".join(map(str, row.voxel)),
            f"{2 * row.radius_mm:.0f}",
            f"{row.score:.0f}",
        )
    console.print(table)
    lines = [
        f"cubes of 32 mm around the first {limit} cover {part:.0%} of the lung"
        for limit, part in result.covered.items()
    ]
    for hit in result.known:
        named = "is not named" if hit.rank is None else f"is number {hit.rank}"
        voxel = ", ".join(f"{v:.0f}" for v in hit.voxel)
        lines.append(f"nodule of {hit.diameter_mm:.1f} mm at voxel ({voxel}) {named}")
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    if result.recall:
        console.print(_recall(result))


def _recall(result: CandidatesResult) -> Table:
    table = Table(title="Part of the planted nodules that the best so many candidates name")
    for heading in ("nodules", "n", *map(str, LIMITS)):
        table.add_column(heading, justify="left" if heading == "nodules" else "right")
    for row in result.recall:
        table.add_row(row.nodules, str(row.n), *(f"{row.recall[str(k)]:.0%}" for k in LIMITS))
    return table
