"""The result of an evaluation of the mark as tables for people."""

from __future__ import annotations

import sys
from typing import Any

from rich.console import Console
from rich.table import Table

_WIDTH = 100
"""Where stdout is no terminal that could tell."""

_VERDICTS = ("intact", "tampered", "unknown")


def print_mark_result(result: dict[str, Any]) -> None:
    """Print what was found to stdout: attacks, manipulations, untouched scans, bars."""
    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else _WIDTH)
    change, first = result["change"], result["untouched"]
    console.print(
        f"{result['scan']['name']}: mark {change['mark_rms_over_body_hu']:.2f} HU RMS over the "
        f"body, with protection {change['together_rms_hu']:.2f} HU RMS, at most "
        f"{change['together_largest_hu']:g} HU; untouched: {first['verdict']}, "
        f"score {first['score']:.0f}",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
    for table in (_attacks(result), _said(result), _bars(result)):
        console.print(table)


def _attacks(result: dict[str, Any]) -> Table:
    count = result["config"]["positions"]
    table = Table(title=f"Told from untouched and located, {count} lung positions per action")
    table.add_column("action")
    table.add_column("pasted")
    for heading in ("AUC", "Dice\nmedian", "Dice\nlowest", "found"):
        table.add_column(heading, justify="right")
    for action, cases in result["attacks"].items():
        rows = {
            name: case for name, case in cases.items() if isinstance(case, dict) and "auc" in case
        }
        for number, (name, case) in enumerate(rows.items()):
            table.add_row(
                action if number == 0 else "",
                name,
                f"{case['auc']:.4f}",
                f"{case['dice']['median']:.2f}",
                f"{case['dice']['lowest']:.2f}",
                f"{case['found']['count']} of {case['found']['n']}",
                end_section=number == len(rows) - 1,
            )
    return table


def _said(result: dict[str, Any]) -> Table:
    table = Table(title="Verdicts on whole scans")
    table.add_column("scan")
    for verdict in _VERDICTS:
        table.add_column(verdict, justify="right")
    rows = [(f"{a}, one at a time", c["one at a time"]) for a, c in result["attacks"].items()]
    rows += [(m["name"], m["verdicts"]) for m in result["manipulations"]]
    rows += [(f"untouched, {n}", v) for n, v in result["false_alarms"].items()]
    for name, verdicts in rows:
        table.add_row(name, *(str(verdicts[verdict]["count"]) for verdict in _VERDICTS))
    return table


def _bars(result: dict[str, Any]) -> Table:
    table = Table(title="Required and measured")
    table.add_column("what")
    for heading in ("required", "measured", ""):
        table.add_column(heading, justify="right")
    for bar in result["bars"]:
        required = (
            f"at least {bar['at_least']:g}" if "at_least" in bar else f"at most {bar['at_most']:g}"
        )
        table.add_row(
            bar["what"], required, f"{bar['measured']:.4g}", "met" if bar["met"] else "missed"
        )
    return table
