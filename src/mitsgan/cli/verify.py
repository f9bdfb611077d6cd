"""`mitsgan verify`: has a protected scan been tampered with, and where?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import Positional, arg

if TYPE_CHECKING:
    from mitsgan.cli.console import Console
    from mitsgan.mark import Key


@dataclass(frozen=True)
class Verify:
    """Find tampering in a marked or sealed scan, without its original.

    Exit codes: 0 intact, 1 tampered, 3 unknown (wrong key, not marked, too degraded, or signed by
    nobody who is trusted); 2 an error, told in one message; 70 a bug, with its traceback. With a
    key and a seal, both are looked at, and the worse verdict counts.
    """

    scan: Annotated[Positional[Path], arg(metavar="SCAN")]
    """A folder with a DICOM series, a DICOM file, or a .nii, .nii.gz, .mha, .mhd, .nrrd image."""
    key: Annotated[Path | None, arg(metavar="KEYFILE")] = None
    """The key that the scan was protected with: look for the mark."""
    seal: Annotated[Path | None, arg(metavar="FILE.seal.json")] = None
    """The seal of the scan: name every slice, block and header field that was changed."""
    trust: Annotated[Path | None, arg(metavar="PEM")] = None
    """Whom to believe a seal: a certificate, that of an authority, or a public key."""
    json: bool = False
    """Print the whole result as JSON instead of a summary."""
    report: Annotated[Path | None, arg(metavar="FILE.json")] = None
    """Write the whole result as JSON to a file."""
    map: Annotated[Path | None, arg(metavar="FILE.nii.gz")] = None
    """Write the probability, per voxel, that it was repainted: a NIfTI image."""
    false_alarms: Annotated[float, arg(metavar="RATE")] = 0.01
    """How often an untouched scan may be called tampered, per scan; between 0 and 0.5."""
    identity: Annotated[str | None, arg(metavar="TEXT")] = None
    """The name that `protect --identity` gave the series; by default it is told by the header."""
    series: Annotated[str | None, arg(metavar="UID")] = None
    """The Series Instance UID to read, where the folder holds several."""
    overwrite: bool = False
    """Replace the report and the map of an earlier run."""
    quiet: bool = False
    """No progress and no summary: the exit code tells; errors are still told."""

    def run(self) -> int:
        """Verify; the exit code."""
        from mitsgan.cli.console import Console
        from mitsgan.cli.files import check_file, json_text, write_json
        from mitsgan.cli.options import UsageError
        from mitsgan.errors import ScanError

        console = Console(quiet=self.quiet)
        if not self.scan.exists():
            raise ScanError(f"{self.scan} does not exist; name a DICOM folder or an image file")
        for path, option in ((self.report, "--report"), (self.map, "--map")):
            if path is not None:
                inside = self.scan if self.scan.is_dir() else None
                check_file(path, self.overwrite, option, source=self.scan, beside=inside)
        if self.key is None and (self.seal is None or self.map is not None):
            raise UsageError(
                "name what to verify by: --key KEYFILE for the mark, --seal FILE for the seal, or "
                "both; --map is made from the mark"
            )
        if self.trust is not None and self.seal is None:
            raise UsageError("--trust says whom to believe a seal; give --seal FILE too")
        from mitsgan.jobs.verify import check_false_alarms, check_map
        from mitsgan.jobs.verify_seal import EXIT_CODES, check_seal, combined
        from mitsgan.mark import Key

        check_false_alarms(self.false_alarms)
        if self.map is not None:
            check_map(self.map)
        key = Key.load(self.key) if self.key is not None else None
        sealed = marked = untold = None
        if self.seal is not None:
            with console.phase("seal", f"comparing {self.scan} with {self.seal}") as progress:
                sealed = check_seal(self.scan, self.seal, self.trust, progress)
        if key is not None:
            try:
                marked = self._mark(key, console)
            except ScanError as error:
                # What lacks a slice is no scan to the mark; the seal has told what is wrong.
                if sealed is None or sealed.verdict != "tampered":
                    raise
                untold = str(error)
        content, said = combined(self.scan, marked, sealed, untold, console.seconds)
        if self.report is not None:
            write_json(self.report, content, overwrite=self.overwrite)
        console.say(json_text(content) if self.json else said)
        return EXIT_CODES[str(content["verdict"])]

    def _mark(self, key: Key, console: Console) -> tuple[dict[str, object], str]:
        """What the mark tells, in numbers and in words; writes the map."""
        from mitsgan.files import read_scan
        from mitsgan.jobs.verify import summary, verification, write_map
        from mitsgan.mark import series_identity
        from mitsgan.mark.find.detect import detect

        with console.phase("read", f"reading {self.scan}") as progress:
            scan = read_scan(self.scan, series=self.series, progress=progress)
        with console.phase("verify", f"verifying {self.scan}") as progress:
            found = detect(
                scan,
                key,
                self.identity or series_identity(scan),
                false_alarms=self.false_alarms,
                progress=progress,
            )
        if self.map is not None:
            write_map(self.map, found, scan, overwrite=self.overwrite)
        return verification(found, scan, self.scan, console.seconds), summary(found)
