"""`mitsgan archive`: many thousand series, by a ledger that any number of runs share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mitsgan.archive.settings import (
    PlanSettings,
    RetrySettings,
    RunSettings,
    VerificationSettings,
)
from mitsgan.terminal.command import Command
from mitsgan.terminal.console import Console
from mitsgan.terminal.shown import shown

if TYPE_CHECKING:
    from mitsgan.archive.run import Ran

_GOES_ON = "what is done stays; the same command goes on"


@dataclass(frozen=True, kw_only=True)
@shown("source", short="output", source="ROOT", output="FOLDER", settings="FILE.toml")
class ArchivePlan(Command, PlanSettings):
    """Find the series below a folder by their headers, or those of a DICOMweb server by a query,
    and enter into a ledger what is to be done.

    The same command again enters what is new. Nothing is protected yet.
    """

    def work(self, console: Console) -> int:
        """Plan; the exit code."""
        from mitsgan.archive.forecast import in_words
        from mitsgan.archive.plan import plan_archive

        planned = plan_archive(self, progress=console)
        others = ", ".join(f"{n} x {kind or 'other file'}" for kind, n in planned.others.items())
        console.say(
            f"{planned.series} series, {_size(planned.megabytes)}: {planned.new} new, "
            f"{planned.changed} changed, {planned.unreadable} damaged files"
            + (f"; left out: {others}" if others else "")
        )
        space = ""
        if planned.free_mb is not None:
            space = f", {_size(planned.disk_mb)} to write where {_size(planned.free_mb)} are free"
        console.say(
            f"forecast: {in_words(planned.hours)} on one core, {_size(planned.memory_mb)} for the "
            f"largest series{space}; go on with: mitsgan archive run --ledger {planned.ledger}"
        )
        return 0


@dataclass(frozen=True, kw_only=True)
@shown()
class ArchiveRun(Command, RunSettings):
    """Do what a ledger says, in several processes; any number of runs may share a ledger.

    It may be interrupted or killed: the same command goes on. Exits with 1 if a series failed.
    """

    def work(self, console: Console) -> int:
        """Run; the exit code."""
        from mitsgan.archive.run import run_archive

        return _say_ran(run_archive(self, progress=console), console)

    def left_behind(self) -> str:
        """What is there once it was interrupted."""
        return _GOES_ON


@dataclass(frozen=True, kw_only=True)
@shown()
class ArchiveVerify(Command, VerificationSettings):
    """Verify everything that a ledger's runs have protected or sealed; verdicts stand in its
    report. Exits with 1 if a series failed or is not intact.
    """

    def work(self, console: Console) -> int:
        """Verify; the exit code."""
        from mitsgan.archive.verify import verify_archive

        ran, verdicts = verify_archive(self, progress=console)
        code = _say_ran(ran, console)
        console.say(", ".join(f"{n} {verdict}" for verdict, n in sorted(verdicts.items())))
        return 1 if set(verdicts) - {"intact"} else code

    def left_behind(self) -> str:
        """What is there once it was interrupted."""
        return _GOES_ON


@dataclass(frozen=True, kw_only=True)
@shown(short="output", output="FILE")
class ArchiveReportFile(Command):
    """Show the state of a ledger, while it is worked on or after; -o writes every series."""

    ledger: Path
    """The ledger."""
    output: Path | None = None
    """Also write a report: .html a page, .csv a line for each series, .json everything."""
    overwrite: bool = False
    """Replace what an earlier report wrote."""

    def work(self, console: Console) -> int:
        """Report; the exit code."""
        from mitsgan.archive.report import archive_report, write_archive_report
        from mitsgan.evaluate.report.terminal import print_tables

        report = archive_report(self.ledger)
        if not self.quiet:
            print_tables(report.tables())
        if self.output is not None:
            write_archive_report(report, self.output, overwrite=self.overwrite)
            console.say(f"written: {self.output}")
        return 0


@dataclass(frozen=True, kw_only=True)
@shown()
class ArchiveRetry(Command, RetrySettings):
    """Let series that failed be done again by the next run."""

    def work(self, console: Console) -> int:
        """Let them; the exit code."""
        from mitsgan.archive.plan import retry_failed

        console.say(f"{retry_failed(self)} series will be done again")
        return 0


def _size(megabytes: float) -> str:
    """In bytes, kB, MB, or GB."""
    from rich.filesize import decimal

    return decimal(round(megabytes * 1e6))


def _say_ran(ran: Ran, console: Console) -> int:
    """Say what a run came to; the exit code."""
    lost = f", {ran.lost} times a worker was lost" if ran.lost else ""
    console.say(f"{ran.done} series done, {ran.failed} failed, {ran.left} left{lost}")
    if ran.left:
        console.say("what is left needs more memory than a process had: see --memory-mb")
    if ran.failed:
        console.say(f"why: mitsgan archive report --ledger {ran.ledger}")
    return 1 if ran.failed else 0
