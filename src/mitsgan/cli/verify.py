"""`mitsgan verify`: has a protected scan been tampered with, and where?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

from tyro.conf import arg

from mitsgan.jobs.verify.settings import VerifyFile
from mitsgan.terminal.command import Reporting
from mitsgan.terminal.console import Console
from mitsgan.terminal.options import as_options
from mitsgan.terminal.shown import shown

EXIT_CODES = {"intact": 0, "tampered": 1, "unknown": 3, "processed": 4, "error": 2}


@dataclass(frozen=True, kw_only=True)
@shown("scan", short="output", map="FILE.nii.gz", dicom_out="FOLDER")
class Verify(Reporting, VerifyFile):
    """Find tampering in a marked or sealed scan, without its original.

    Exit codes: 0 intact, 4 processed (not bit for bit what was sealed, but it shows the same), 1
    tampered, 3 unknown (wrong key, not marked, too degraded, or signed by nobody who is trusted); 2
    an error, told in one message; 70 a bug, with its traceback. With a key and a seal, both are
    looked at, and the worse verdict counts. With ``--recursive`` that of the worst scan: 1 before 2
    before 3 before 4 before 0.
    """

    recursive: Annotated[bool, arg(aliases=["--all-series"], help_behavior_hint="")] = False
    """Verify every scan below the folder, with one table at the end. --seal may then be a
    folder, in which the seal of each is looked for; a scan that is gone from beside its seal is
    unknown."""
    json: bool = False
    """Print the whole result as JSON instead of a summary."""

    def work(self, console: Console) -> int:
        """Verify; the exit code."""
        if self.recursive:
            return self._tree(console)
        from mitsgan.jobs.verify.text import summary
        from mitsgan.jobs.verify.verify import FindingsError, verify_file

        write_report = self.open_output(source=self.scan)
        try:
            verified = verify_file(self, progress=console)
        except FindingsError as error:
            write_report(error.verified.result)
            raise
        write_report(verified.result)
        result = verified.result
        console.say(result.to_json().rstrip() if self.json else as_options(summary(verified)))
        return EXIT_CODES[verified.verdict]

    def left_behind(self) -> str:
        """What is there once it was interrupted."""
        if self.recursive and self.dicom_out is not None and self.dicom_out.is_dir():
            return f"the findings on scans that were done stay in {self.dicom_out}, whole"
        return super().left_behind()

    def _tree(self, console: Console) -> int:
        """Verify all scans of a tree; the exit code of the worst."""
        from mitsgan.jobs.verify.tree import counts_text, summary_table, verify_tree

        write_report = self.open_output(source=self.scan)
        result = verify_tree(self, progress=console)
        write_report(result)
        if self.json:
            console.say(result.to_json().rstrip())
        else:
            scans = [replace(one, reason=as_options(one.reason)) for one in result.scans]
            console.show_tables([summary_table(scans)])
            console.tell(result.notes)
            console.say(f"{result.source}: {result.verdict.upper()} ({counts_text(result)})")
        return EXIT_CODES[result.verdict]
