"""Tables on a terminal, by rich."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

from mitsgan.evaluate.report.table import Table

if TYPE_CHECKING:
    from rich.table import Table as Drawn

WIDTH = 100
"""Where stdout is no terminal that could tell."""

_SHORT, _NAME = 24, 22
"""Letters of a cell that are not worth breaking; and of the first column, which others make room
for."""


def print_tables(tables: Iterable[Table]) -> None:
    """Print tables to stdout, units beneath the headings."""
    from rich.console import Console

    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else WIDTH)
    for table in tables:
        console.print(_drawn(table.without_empty()))


def _drawn(table: Table) -> Drawn:
    """A table of rich: names that come again are left out, and groups of them set apart."""
    from rich.markup import escape
    from rich.table import Table as Drawn

    drawn = Drawn(title=escape(table.title), caption=escape(table.note))
    numeric, texts = table.numeric(), table.texts()
    for i, (column, is_number) in enumerate(zip(table.columns, numeric, strict=True)):
        heading = f"{column.label}\n{column.unit}" if column.unit else column.label
        longest = max((len(row[i]) for row in texts), default=0)
        drawn.add_column(
            escape(heading),
            justify="right" if is_number else "left",
            min_width=None if i else min(longest, _NAME),
            no_wrap=not is_number and longest <= _SHORT,
        )
    names = next((i for i, is_number in enumerate(numeric) if is_number), len(numeric))
    grouped = len({row[0] for row in texts}) < len(texts) and names > 0
    before: list[str] = []
    for number, row in enumerate(texts):
        last = number == len(texts) - 1 or texts[number + 1][0] != row[0]
        drawn.add_row(
            *map(escape, _without_repeats(row, before, names)),
            style="bold" if number in table.strong else None,
            end_section=grouped and last,
        )
        before = row
    return drawn


def _without_repeats(row: list[str], before: list[str], names: int) -> list[str]:
    """A row whose leading names are empty as long as they are those of the row before."""
    shown = list(row)
    for i in range(names - 1):
        if not before or row[i] != before[i]:
            break
        shown[i] = ""
    return shown
