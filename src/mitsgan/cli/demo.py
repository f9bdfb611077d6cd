"""`mitsgan demo`: the main job on a synthetic chest, nobody's data needed."""

from __future__ import annotations

from dataclasses import dataclass

from mitsgan.jobs.demo.demo import DemoFolder
from mitsgan.terminal.command import Command
from mitsgan.terminal.console import Console
from mitsgan.terminal.shown import shown


@dataclass(frozen=True, kw_only=True)
@shown("out")
class Demo(Command, DemoFolder):
    """Show on a synthetic chest what protection does: DICOM series, a page, its numbers."""

    def work(self, console: Console) -> int:
        """Make the demonstration; the exit code."""
        from mitsgan.jobs.demo.demo import make_demo

        evaluation = make_demo(self, progress=console)
        console.say(evaluation.report().lead)
        console.say(f"made in {console.elapsed:.0f} s")
        console.say(f"original DICOM series:  {self.out / 'original'}")
        console.say(f"protected DICOM series: {self.out / 'protected'}")
        console.say(f"numbers:                {self.out / 'report.json'}")
        console.say(f"open this page:         {self.out / 'report.html'}")
        return 0
