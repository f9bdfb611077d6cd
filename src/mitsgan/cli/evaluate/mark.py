"""`mitsgan evaluate-mark`: what the mark is worth, measured on a scan that is tampered with."""

from __future__ import annotations

from dataclasses import dataclass

from mitsgan.jobs.evaluate_mark import EvaluateMarkFile
from mitsgan.terminal.command import Command
from mitsgan.terminal.console import Console
from mitsgan.terminal.shown import shown


@dataclass(frozen=True, kw_only=True)
@shown("scan", short="output")
class EvaluateMark(Command, EvaluateMarkFile):
    """Measure how well the mark finds tampering: mark, tamper and verify in memory.

    The scan is protected and marked with keys that follow from the seed; they are for measuring
    and protect nothing. This takes from minutes to an hour. With --output, what is done is kept
    beside it in FILE.json.partial: the same command goes on where it was interrupted.
    """

    def work(self, console: Console) -> int:
        """Measure; the exit code."""
        from mitsgan.jobs.evaluate_mark import evaluate_mark_file

        evaluation = evaluate_mark_file(self, progress=console)
        console.show(evaluation.report())
        if self.output is not None:
            console.say(f"written: {self.output}")
        return 0

    def left_behind(self) -> str:
        """What is there once it was interrupted."""
        if self.journal is not None and self.journal.exists():
            return f"{self.journal} keeps what was measured; the same command goes on"
        return super().left_behind()
