"""`mitsgan restore`: the original of a protected scan, given back."""

from __future__ import annotations

from dataclasses import dataclass

from mitsgan.errors import counted
from mitsgan.jobs.restore.settings import RestoreFile
from mitsgan.terminal.command import Reporting
from mitsgan.terminal.console import Console
from mitsgan.terminal.shown import shown


@dataclass(frozen=True, kw_only=True)
@shown("scan", "out", short="output", scan="PROTECTED", original="FILE.p7m")
class Restore(Reporting, RestoreFile):
    """Give back the original of a scan that was protected with `protect --restorable`.

    Every pixel and every attribute, under the original UIDs. It is compared with the digest that
    the seal holds; whatever differs is refused with its reason, and nothing is written.
    """

    def work(self, console: Console) -> int:
        """Restore; the exit code."""
        from mitsgan.jobs.restore.restore import restore_file
        from mitsgan.terminal.passphrase import ask_passphrase

        write_report = self.open_output(source=self.scan, beside=self.out)
        result = restore_file(self, passphrase=ask_passphrase, progress=console)
        write_report(result)
        vouched = "nobody" if result.signer is None else f'"{result.signer}"'
        console.say(
            f"{self.out}: the original, {counted(result.slices, 'slice')}, restored in "
            f"{console.elapsed:.1f} s; sealed by {vouched}"
        )
        console.tell(result.notes)
        return 0
