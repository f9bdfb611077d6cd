"""`mitsgan protect`: a scan in, a protected scan out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from tyro.conf import arg

from mitsgan.errors import counted
from mitsgan.jobs.protect.settings import ProtectFile
from mitsgan.terminal.command import Reporting
from mitsgan.terminal.console import Console
from mitsgan.terminal.shown import shown


@dataclass(frozen=True, kw_only=True)
@shown("scan", "out", short="output")
class Protect(Reporting, ProtectFile):
    """Protect a CT scan: a DICOM series or an image in, the same with a perturbation out."""

    recursive: Annotated[bool, arg(aliases=["--all-series"], help_behavior_hint="")] = False
    """Protect every scan below the folder, each below OUT; one that fails does not stop the rest,
    and the exit code is then 2."""

    def work(self, console: Console) -> int:
        """Protect; the exit code."""
        if self.recursive:
            return self._tree(console)
        from mitsgan.jobs.protect.file import protect_file
        from mitsgan.terminal.passphrase import ask_passphrase

        write_report = self.open_output(source=self.scan, beside=self.out)
        result = protect_file(self, passphrase=ask_passphrase, progress=console)
        write_report(result)
        done = "protected" if result.mark is None else "protected and marked"
        change, budget = result.change, self.budget(marked=self.key is not None)
        slices = counted(result.scan.shape[0], "slice")
        console.say(
            f"{self.out}: {slices} {done} in {console.elapsed:.1f} s; "
            f"largest change {change.largest:g} HU (budget {budget}), "
            f"RMS {change.rms:.2f} HU"
        )
        console.tell(result.notes)
        return 0

    def left_behind(self) -> str:
        """What is there once it was interrupted."""
        if self.recursive and self.out.is_dir():
            return f"the scans that were done stay in {self.out}, whole"
        if self.checkpoint is not None and self.checkpoint.exists():
            return f"{self.checkpoint} keeps the optimisation: the same command goes on"
        return super().left_behind()

    def _tree(self, console: Console) -> int:
        """Protect all scans of a tree; the exit code."""
        from mitsgan.jobs.protect.tree import protect_tree
        from mitsgan.terminal.passphrase import ask_passphrase

        write_report = self.open_output(source=self.scan, beside=self.out)
        result = protect_tree(self, passphrase=ask_passphrase, progress=console)
        write_report(result)
        console.close()
        for one in result.scans:
            if one.protection is None:
                console.error(f"{one.scan}: {one.reason}")
            else:
                console.tell(f"{one.scan}: {note}" for note in one.protection.notes)
        scans = counted(result.protected, "scan")
        console.say(f"{self.out}: {scans} protected, {result.failed} failed")
        return 2 if result.failed else 0
