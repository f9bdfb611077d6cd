"""What a command says while it runs: progress on stderr, results on stdout."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from time import perf_counter
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from mitsgan.cli.options import as_options

if TYPE_CHECKING:
    from mitsgan.cli.bars import Bars
    from mitsgan.evaluate.report.content import Report
    from mitsgan.evaluate.report.table import Table

Progress = Callable[[int, int], None]
Training = Callable[[int, int, Mapping[str, float]], None]

_NOTES = 20
"""How many lines a phase writes at most where there is no terminal."""


class Console:
    """Progress and results of one command; a `mitsgan.progress.Progress`.

    Progress is a bar for each phase where stderr is a terminal, else plain lines: one for a phase,
    and some of its notes; none where the user asked for quiet. Errors are not its business.

    Attributes:
        quiet: say nothing at all.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet
        self.seconds: dict[str, float] = {}
        self._start = perf_counter()
        self._bars = None if quiet else _bars()
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
            self._bars.show(phase, done, total, note, begins=begins)
            return
        if begins:
            self.note(phase)
        if note and (over or done % max(1, total // _NOTES) == 0):
            self.note(f"{phase}: {note}")

    @property
    def elapsed(self) -> float:
        """Seconds since the command started."""
        return perf_counter() - self._start

    def say(self, text: str) -> None:
        """Print a line of the result to stdout."""
        self.close()
        if not self.quiet:
            sys.stdout.write(f"{text}\n")

    def tell(self, notes: Iterable[str]) -> None:
        """Print what is to be known of the input and of the result, a line each."""
        for note in notes:
            self.say(f"note: {as_options(note)}")

    def show(self, report: Report, *, tables: bool = True) -> None:
        """Print a report to stdout: verdict, tables, or headline numbers alone, and gaps."""
        self.say(report.lead)
        self.show_tables(report.tables if tables else [report.headline_table])
        for gap in report.gaps:
            self.say(f"not measured: {gap}")

    def show_tables(self, tables: Sequence[Table]) -> None:
        """Print tables to stdout."""
        if self.quiet:
            return
        from mitsgan.evaluate.report.terminal import print_tables

        self.close()
        print_tables(tables)

    def note(self, text: str) -> None:
        """Print a line about the run to stderr."""
        if self.quiet:
            return
        self.close()
        sys.stderr.write(f"{as_options(text)}\n")
        sys.stderr.flush()

    @contextmanager
    def phase(self, key: str, what: str) -> Iterator[Progress]:
        """Time a phase and show how far it is.

        Args:
            key: under which ``seconds`` keeps the time.
            what: shown, e.g. "reading chest".

        Yields:
            To be called with steps done and steps in all.
        """
        start = perf_counter()
        if self.quiet:
            yield _nothing
        elif sys.stderr.isatty():
            with _bar(what) as progress:
                yield progress
        else:
            self.note(what)
            yield _nothing
        self.seconds[key] = self.seconds.get(key, 0.0) + perf_counter() - start

    @contextmanager
    def steps(self, key: str, what: str) -> Iterator[Callable[[str], None]]:
        """As `phase`, for work that tells what it is doing but not how far it is."""
        start = perf_counter()
        if self.quiet:
            yield _unheard
        elif sys.stderr.isatty():
            with _status(what) as say:
                yield say
        else:
            yield lambda text: self.note(f"{what}: {text}")
        self.seconds[key] = self.seconds.get(key, 0.0) + perf_counter() - start

    @contextmanager
    def training(self, steps: int) -> Iterator[Training]:
        """As `phase`, for a training that also tells its losses."""
        start = perf_counter()
        every = max(1, steps // _NOTES)

        def note(done: int, total: int, losses: Mapping[str, float]) -> None:
            if done % every == 0 or done == total:
                self.note(f"step {done} of {total}: {_losses(losses)}")

        if not self.quiet and sys.stderr.isatty():
            with _bar("training") as progress:
                yield lambda done, total, losses: progress(done, total, _losses(losses))
        else:
            yield note
        self.seconds["train"] = perf_counter() - start


def _bars() -> Bars | None:
    """Where there is a terminal; rich takes a while to import."""
    if not sys.stderr.isatty():
        return None
    from mitsgan.cli.bars import Bars

    return Bars()


def _losses(losses: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.3g}" for name, value in losses.items())


def _unheard(text: str) -> None:
    """A step that nobody watches."""


def _nothing(done: int, total: int) -> None:
    """Progress that nobody watches."""


class _Update(Protocol):
    def __call__(self, done: int, total: int, note: str = "") -> None: ...


@contextmanager
def _bar(what: str) -> Iterator[_Update]:
    from rich.console import Console as Terminal
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}", markup=False),
    )
    with Progress(*columns, console=Terminal(stderr=True)) as shown:
        task = shown.add_task(what, total=None, note="")

        def update(done: int, total: int, note: str = "") -> None:
            shown.update(task, completed=done, total=total, note=note)

        yield update
        total = shown.tasks[0].total or 1
        shown.update(task, completed=total, total=total)


@contextmanager
def _status(what: str) -> Iterator[Callable[[str], None]]:
    from rich.console import Console as Terminal
    from rich.markup import escape

    with Terminal(stderr=True).status(escape(what)) as shown:
        yield lambda text: shown.update(escape(f"{what}: {text}"))
