"""`mitsgan report`: what a run found, for readers."""

from __future__ import annotations

from dataclasses import dataclass

from mitsgan.jobs.report.file import ReportFile
from mitsgan.terminal.command import Command
from mitsgan.terminal.console import Console
from mitsgan.terminal.shown import shown


@dataclass(frozen=True, kw_only=True)
@shown("run_folder", short="output", run_folder="RUN", output="FILE")
class Report(Command, ReportFile):
    """Make of a run one page that needs no network, or its tables as Markdown, CSV or JSON."""

    def work(self, console: Console) -> int:
        """Make the report; the exit code."""
        from mitsgan.jobs.report.file import report_file

        size = report_file(self, progress=console)
        console.say(f"written: {self.output}, {max(1, round(size / 1000)):,} kB")
        return 0
