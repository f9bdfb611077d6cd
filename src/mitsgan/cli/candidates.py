"""`mitsgan candidates`: where nodules might be, and how many of those that are there it finds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mitsgan.jobs.candidates.settings import CandidatesFile
from mitsgan.jobs.shared import Overwriting
from mitsgan.terminal.command import Command
from mitsgan.terminal.console import Console
from mitsgan.terminal.shown import shown


@dataclass(frozen=True, kw_only=True)
@shown("scan", short="output")
class Candidates(Command, Overwriting, CandidatesFile):
    """List the places of a chest CT where a nodule might be: bright blobs in the lung.

    Nothing in it is learned. It looks for what an attacker would remove, and is no diagnosis: most
    of what it lists is where vessels fork.
    """

    output: Path | None = None
    """Write all of it, for machines."""

    def work(self, console: Console) -> int:
        """Find them; the exit code."""
        from mitsgan.jobs.candidates.candidates import list_candidates
        from mitsgan.jobs.outputs import check_file, write_result

        if self.output is not None:
            check_file(self.output, self.overwrite, "output", source=self.scan)
        result = list_candidates(self, progress=console)
        console.show_tables(result.tables)
        if self.output is not None:
            write_result(self.output, result, overwrite=self.overwrite)
            console.say(f"written: {self.output}")
        return 0
