"""`mitsgan protect`: a scan in, a protected scan out."""

from __future__ import annotations

from dataclasses import dataclass

from mitsgan.cli.command import Reporting, shown
from mitsgan.cli.terminal.console import Console
from mitsgan.jobs.protect.settings import ProtectFile


@dataclass(frozen=True, kw_only=True)
@shown("scan", "out")
class Protect(Reporting, ProtectFile):
    """Protect a CT scan: a DICOM series or an image in, the same with a perturbation out."""

    def work(self, console: Console) -> int:
        """Protect; the exit code."""
        from mitsgan.cli.terminal.passphrase import ask_passphrase
        from mitsgan.jobs.protect.file import protect_file

        write_report = self.open_report(source=self.scan, beside=self.out)
        result = protect_file(self, passphrase=ask_passphrase, progress=console)
        write_report(result)
        done = "protected" if result.mark is None else "protected and marked"
        change, budget = result.change, self.budget(marked=self.key is not None)
        console.say(
            f"{self.out}: {result.scan.shape[0]} slices {done} in {console.elapsed:.1f} s; "
            f"largest change {change.largest:g} HU (budget {budget}), "
            f"RMS {change.rms:.2f} HU"
        )
        console.tell(result.notes)
        return 0
