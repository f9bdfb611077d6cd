"""Tables on a terminal, by rich."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from textwrap import wrap
from typing import TYPE_CHECKING

from mitsgan.errors import plain
from mitsgan.evaluate.report.table import Column, Table

if TYPE_CHECKING:
    from rich.table import Table as Drawn

WIDTH = 100
"""Where stdout is no terminal that could tell; more where a table needs more."""

_ANY = 10_000

_HEADING = 12
"""Letters of a heading on one line, however narrow its numbers are."""

_SHORT, _NAME = 24, 22
"""Letters of a cell that are not worth breaking; and of the first column, which others make room
for."""


def print_tables(tables: Iterable[Table]) -> None:
    """Print tables to stdout, units beneath the headings; no cell is ever cut off.

    What needs more room than a terminal has is folded, number by number if it must be. A file or a
    pipe has all the room that a table needs.
    """
    from rich.console import Console as Rich

    class Console(Rich):
        """One that leaves it to the command what a closed pipe means; rich would exit with 1."""

        def on_broken_pipe(self) -> None:
            raise  # rich calls this while it handles a BrokenPipeError

    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else WIDTH)
    for table in tables:
        wide = _drawn(table.without_empty())
        least = console.measure(wide, options=console.options.update(max_width=_ANY)).minimum
        if least <= console.width:
            console.print(wide)
        elif sys.stdout.isatty():
            console.print(_drawn(table.without_empty(), is_narrow=True))
        else:
            Console(file=sys.stdout, width=least).print(wide)


def _drawn(table: Table, *, is_narrow: bool = False) -> Drawn:
    """A table of rich: names that come again are left out, and groups of them set apart."""
    from rich.markup import escape
    from rich.table import Table as Drawn

    drawn = Drawn(title=escape(table.title), caption=escape(table.note))
    numeric, texts = table.numeric(), table.texts()
    for i, (column, is_number) in enumerate(zip(table.columns, numeric, strict=True)):
        longest = max((len(row[i]) for row in texts), default=0)
        heading = _heading(column, max(longest, _HEADING) if is_number else _NAME)
        is_whole = not is_narrow and (is_number or longest <= _SHORT)
        # Of what may not be broken, rich takes its longest word for the least it needs.
        least = max(longest, *map(len, heading.split("\n"))) if is_whole else min(longest, _NAME)
        drawn.add_column(
            escape(heading),
            justify="right" if is_number else "left",
            min_width=None if is_narrow or (i and not is_whole) else least,
            no_wrap=is_whole,
            overflow="fold",
        )
    names = next((i for i, is_number in enumerate(numeric) if is_number), len(numeric))
    grouped = len({row[0] for row in texts}) < len(texts) and names > 0
    before: list[str] = []
    for number, row in enumerate(texts):
        last = number == len(texts) - 1 or texts[number + 1][0] != row[0]
        drawn.add_row(
            *(escape(plain(cell)) for cell in _without_repeats(row, before, names)),
            style="bold" if number in table.strong else None,
            end_section=grouped and last,
        )
        before = row
    return drawn


def _heading(column: Column, width: int) -> str:
    """Label and unit, on lines hardly longer than the cells below."""
    lines = wrap(
        column.label,
        max(width, *map(len, column.label.split())),
        break_on_hyphens=False,
    )
    return "\n".join([*lines, column.unit] if column.unit else lines)


def _without_repeats(row: list[str], before: list[str], names: int) -> list[str]:
    """A row whose leading names are empty as long as they are those of the row before."""
    shown = list(row)
    for i in range(names - 1):
        if not before or row[i] != before[i]:
            break
        shown[i] = ""
    return shown
