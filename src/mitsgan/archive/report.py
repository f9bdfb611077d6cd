"""What became of an archive: counts, time left, failures and verdicts, as tables."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import ClassVar

from mitsgan import __version__
from mitsgan.archive.forecast import in_words, seconds_left
from mitsgan.archive.ledger import Ledger
from mitsgan.archive.plan import how_of
from mitsgan.archive.task import FAILURES, STATES, Task
from mitsgan.atomic import atomic_output
from mitsgan.errors import SettingsError
from mitsgan.evaluate.report.formatting import Cell, csv_cell
from mitsgan.evaluate.report.table import Column, Table
from mitsgan.result import Result

_STATES = (Column("state", "state"), Column("series", "series"), Column("means", "means"))
_VERDICTS = (Column("verdict", "verdict"), Column("series", "series"))
_SERIES = (
    Column("number", "number"),
    Column("action", "action"),
    Column("state", "state"),
    Column("source", "source"),
    Column("series", "series"),
    Column("output", "output"),
    Column("verdict", "verdict"),
    Column("attempts", "attempts"),
    Column("seconds", "time", "s", digits=1),
    Column("peak", "memory", "MB", digits=0),
    Column("failure", "failure"),
    Column("reason", "reason"),
)
_DOUBTS = tuple(
    column for column in _SERIES if column.key in ("number", "source", "verdict", "reason")
)
_FAILURES = tuple(
    column
    for column in _SERIES
    if column.key in ("number", "action", "source", "attempts", "failure", "reason")
)


@dataclass(frozen=True, kw_only=True)
class ArchiveReport(Result):
    """The state of an archive.

    Attributes:
        ledger: its file.
        action: what is done.
        states: how many series are in each state.
        failures: how many were given up, by kind.
        verdicts: how many verifications came to which verdict.
        voxels_done: of the series that are done.
        worker_hours: work that they took, all workers together.
        hours_left: forecast of what is open, on one core.
        series: every one of them.
    """

    KIND: ClassVar[str] = "archive report"

    version: str = __version__
    ledger: str
    action: str
    states: dict[str, int]
    failures: dict[str, int]
    verdicts: dict[str, int]
    voxels_done: int
    worker_hours: float
    hours_left: float
    series: tuple[Task, ...]

    def tables(self) -> tuple[Table, ...]:
        """States, failures and verdicts; series that failed or are not intact if there are some."""
        rows: list[dict[str, Cell]] = [
            {"state": s, "series": self.states.get(s, 0), "means": STATES[s]} for s in STATES
        ]
        title = f"Series of {self.ledger}"
        tables = [Table("states", title, _STATES, tuple(rows), self._note())]
        if failed := [_row(task) for task in self.series if task.state == "failed"]:
            note = "; ".join(f"{kind}: {what}" for kind, what in FAILURES.items())
            tables.append(Table("failures", "Given up", _FAILURES, tuple(failed), note))
        if self.verdicts:
            verdicts: tuple[dict[str, Cell], ...] = tuple(
                {"verdict": k, "series": n} for k, n in self.verdicts.items()
            )
            tables.append(Table("verdicts", "Verdicts", _VERDICTS, verdicts))
        if doubts := [_row(task) for task in self.series if task.verdict not in ("", "intact")]:
            tables.append(Table("doubts", "Not intact", _DOUBTS, tuple(doubts)))
        return tuple(tables)

    def all_series(self) -> Table:
        """Every series."""
        return Table("series", "Series", _SERIES, tuple(_row(task) for task in self.series))

    def _note(self) -> str:
        left = f", about {in_words(self.hours_left)} left on one core" if self.hours_left else ""
        return f"{in_words(self.worker_hours)} of work so far{left}."


def archive_report(path: Path) -> ArchiveReport:
    """Read the state of an archive out of its ledger, whether it is being worked on or not.

    Raises:
        DataError: the ledger cannot be read.
    """
    ledger = Ledger(path)
    try:
        how = how_of(ledger)
        tasks = ledger.tasks()
        done = [task for task in tasks if task.state == "done"]
        failed = [task.failure for task in tasks if task.state == "failed"]
        return ArchiveReport(
            ledger=str(path),
            action=how.action,
            states=dict(Counter(task.state for task in tasks)),
            failures=dict(Counter(failed)),
            verdicts=dict(Counter(task.verdict for task in done if task.verdict)),
            voxels_done=sum(task.voxels for task in done),
            worker_hours=round(sum(task.seconds for task in tasks) / 3600, 5),
            hours_left=round(seconds_left(ledger, how) / 3600, 5),
            series=tuple(tasks),
        )
    finally:
        ledger.close()


def _row(task: Task) -> dict[str, str | float | int]:
    # Of a verdict, too: what was done otherwise says nothing about why.
    reason = (task.reason or (task.text if task.verdict else "")).strip().splitlines()
    return {
        "number": task.id,
        "action": task.action,
        "state": task.state,
        "source": task.source,
        "series": task.series,
        "output": task.output,
        "verdict": task.verdict,
        "attempts": task.attempts,
        "seconds": task.seconds,
        "peak": task.peak_mb,
        "failure": task.failure,
        "reason": reason[-1] if reason else "",
    }


def write_archive_report(report: ArchiveReport, path: Path, *, overwrite: bool = False) -> None:
    """Write the report: .html a page, .csv a line for each series, .json everything.

    Raises:
        SettingsError: another ending.
        OutputError: the file is there, or cannot be written.
    """
    kind = path.suffix.lower()
    if kind not in _WRITERS:
        raise SettingsError(f"{path}: a report ends in {', '.join(_WRITERS)}")
    with atomic_output(path, overwrite=overwrite) as temporary:
        temporary.write_text(_WRITERS[kind](report), encoding="utf-8", errors="backslashreplace")


_WORST = ("tampered", "unknown", "processed", "intact")

_LIMITS = (
    "What runs did, as the ledger remembers it. Whether what they wrote is still as they left it, "
    "`mitsgan archive verify` says.",
)


def _lead(report: ArchiveReport) -> Iterator[str]:
    """What verifying found, where that was done, then how far each action is."""
    of_verdicts = {v: report.verdicts[v] for v in _WORST if v in report.verdicts}
    if of_verdicts:
        words = (f"{n} {v if v == 'intact' else v.upper()}" for v, n in of_verdicts.items())
        yield f"Of {sum(of_verdicts.values())} verified series: {', '.join(words)}."
    for action in dict.fromkeys(task.action for task in report.series):
        of_action = [task.state for task in report.series if task.action == action]
        states = ", ".join(f"{of_action.count(state)} {state}" for state in STATES)
        yield f"{len(of_action)} series to {action}: {states}."
    if not report.series:
        yield "No series yet."


def _html(report: ArchiveReport) -> str:
    from mitsgan.evaluate.report.command_line import command_line
    from mitsgan.evaluate.report.content import Headline, Report
    from mitsgan.evaluate.report.html.page import html_report

    counts = {**report.states, **report.verdicts}
    order = (*_WORST, *reversed(list(STATES)))
    words = sorted(counts, key=lambda word: order.index(word) if word in order else len(order))
    page = Report(
        title=f"Archive: {report.action}",
        version=report.version,
        lead=" ".join(_lead(report)),
        command=command_line("archive report", ledger=report.ledger, output="report.html"),
        config="",
        provenance={},
        headline=tuple(Headline(f"Series {word}", counts[word]) for word in words),
        tables=(*report.tables(), report.all_series()),
        limits=_LIMITS,
    )
    return html_report(page)


def _csv(report: ArchiveReport) -> str:
    text = StringIO()
    table = report.all_series()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([column.heading for column in table.columns])
    writer.writerows([csv_cell(cell) for cell in table.cells(row)] for row in table.rows)
    return text.getvalue()


_WRITERS: Mapping[str, Callable[[ArchiveReport], str]] = {
    ".html": _html,
    ".csv": _csv,
    ".json": ArchiveReport.to_json,
}
