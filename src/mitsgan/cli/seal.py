"""`mitsgan seal`: sign what a scan is, so that any change can be found and named."""

from __future__ import annotations

from dataclasses import dataclass

from mitsgan.errors import counted
from mitsgan.jobs.seal import SealFile
from mitsgan.terminal.command import Command
from mitsgan.terminal.console import Console
from mitsgan.terminal.shown import shown


@dataclass(frozen=True, kw_only=True)
@shown("scan", short="output", output="FILE.seal.json", dicom_signature="FOLDER")
class SealCommand(Command, SealFile):
    """Seal a scan: sign its voxels and what gives them meaning; the scan stays as it is.

    `mitsgan verify SCAN --seal FILE --trust CERT.pem` later names every slice, block and header
    field that was changed.
    """

    def work(self, console: Console) -> int:
        """Seal; the exit code."""
        from mitsgan.jobs.seal import seal_file
        from mitsgan.terminal.passphrase import ask_passphrase

        sealed = seal_file(self, passphrase=ask_passphrase, progress=console)
        sketch = "with a sketch" if sealed.sketch else "without a sketch"
        console.say(
            f"{sealed.seal}: {counted(sealed.slices, 'slice')} sealed {sketch} by {sealed.signer} "
            f"in {console.elapsed:.1f} s"
        )
        console.tell(sealed.notes)
        return 0
