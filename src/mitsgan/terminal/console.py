"""What a command says while it runs: progress on stderr, results on stdout."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from time import perf_counter
from types import TracebackType
from typing import TYPE_CHECKING, Self

from mitsgan.errors import plain
from mitsgan.terminal.options import as_options

if TYPE_CHECKING:
    from mitsgan.evaluate.report.content import Report
    from mitsgan.evaluate.report.table import Table
    from mitsgan.terminal.bars import Bars

_KEPT = "\n\t"
_NOTES = 20
"""How many lines a phase writes at most where there is no terminal."""


class Console:
    """Progress and results of one command; a `mitsgan.progress.Progress`.

    Progress is a bar for each phase where stderr is a terminal, else plain lines: one for a phase,
    and some of its notes; none where the user asked for quiet. Errors are not its business.

    Attributes:
        quiet: say nothing at all.
        verbose: tell every note of a phase, and show no bars.
    """

    def __init__(self, *, quiet: bool = False, verbose: bool = False) -> None:
        self.quiet, self.verbose = quiet, verbose
        self._start = perf_counter()
        self._bars = None if quiet or verbose else _bars()
        self._phase, self._over = "", False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Leave the bars as they are, for what is printed next."""
        if self._bars is not None:
            self._bars.close()

    def __call__(self, phase: str, done: int, total: int, note: str = "") -> None:
        """Show how far the command is."""
        if self.quiet:
            return
        over = 0 < total <= done
        begins = phase != self._phase or (self._over and not over)
        self._phase, self._over = phase, over
        if self._bars is not None:
            self._bars.show(plain(phase), done, total, plain(note), begins=begins)
            return
        if begins:
            self.note(phase)
        if note and (over or self.verbose or done % max(1, total // _NOTES) == 0):
            self.note(f"{phase}: {note}")

    @property
    def elapsed(self) -> float:
        """Seconds since the command started."""
        return perf_counter() - self._start

    def say(self, text: str) -> None:
        """Print a line of the result to stdout."""
        self.close()
        if not self.quiet:
            sys.stdout.write(f"{plain(text, keep=_KEPT)}\n")

    def tell(self, notes: Iterable[str]) -> None:
        """Print what is to be known of the input and of the result, a line each."""
        for note in notes:
            self.say(f"note: {as_options(note)}")

    def show(self, report: Report, *, tables: bool = True) -> None:
        """Print a report to stdout: verdict, tables, or headline numbers alone, and gaps."""
        self.say(report.lead)
        self.show_tables(report.tables if tables else [report.headline_table])
        for gap in report.gaps:
            self.say(f"not measured: {as_options(gap)}")

    def show_tables(self, tables: Sequence[Table]) -> None:
        """Print tables to stdout."""
        if self.quiet:
            return
        from mitsgan.evaluate.report.terminal import print_tables

        self.close()
        print_tables(tables)

    def error(self, text: str) -> None:
        """Print to stderr what failed while other things go on; said however quiet."""
        self.close()
        sys.stderr.write(f"error: {plain(as_options(text), keep=_KEPT)}\n")

    def note(self, text: str) -> None:
        """Print a line about the run to stderr."""
        if self.quiet:
            return
        self.close()
        sys.stderr.write(f"{plain(as_options(text), keep=_KEPT)}\n")
        sys.stderr.flush()


def _bars() -> Bars | None:
    """Where there is a terminal; rich takes a while to import."""
    if not sys.stderr.isatty():
        return None
    from mitsgan.terminal.bars import Bars

    return Bars()
