"""What a benchmark says to people: how far it is, and its headline."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Any

from rich.console import Console
from rich.table import Table

_WIDTH = 100
_EVERY_SECONDS = 10.0
"""How often a line is written where there is no terminal that would draw over it."""


def cells_left(say: Callable[[str], None]) -> Callable[[int, int, float], None]:
    """Progress of cells, as `run_benchmark` tells it, in words."""
    last = -_EVERY_SECONDS
    pause = 0.5 if sys.stderr.isatty() else _EVERY_SECONDS

    def told(done: int, total: int, seconds: float) -> None:
        nonlocal last
        now = perf_counter()
        if now - last >= pause or done == total:
            last = now
            say(f"{done} of {total} cells, about {_time(seconds)} left")

    return told


def print_headline(summary: Mapping[str, Any]) -> None:
    """Print the headline to stdout, with what could not be measured."""
    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else _WIDTH)
    table = Table(title=summary["title"])
    table.add_column("measured")
    for heading in ("value", "unit", "n"):
        table.add_column(heading, justify="right")
    table.add_column("")
    for row in summary["headline"]:
        value = f"{row['value']:.4g}"
        table.add_row(row["label"], value, row["unit"], str(row["n"]), row["note"])
    console.print(table)
    for gap in summary["gaps"]:
        console.print(f"not measured: {gap}", markup=False, highlight=False, soft_wrap=True)


def _time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min" if minutes >= 10 else f"{minutes} min {rest} s"
