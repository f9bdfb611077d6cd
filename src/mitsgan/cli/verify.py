"""`mitsgan verify`: has a protected scan been tampered with, and where?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg


@dataclass(frozen=True)
class Verify:
    """Find tampering in a marked scan, without its original.

    Exit codes: 0 intact, 1 tampered, 3 unknown (wrong key, not marked, or too degraded); 2 an
    error, told in one message; 70 a bug, with its traceback.
    """

    scan: Annotated[Positional[Path], arg(metavar="SCAN")]
    """A folder with a DICOM series, a DICOM file, or a .nii, .nii.gz, .mha, .mhd, .nrrd image."""
    key: Annotated[Path, arg(metavar="KEYFILE")]
    """The key that the scan was protected with."""
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
        from mitsgan.errors import ScanError

        console = Console(quiet=self.quiet)
        if not self.scan.exists():
            raise ScanError(f"{self.scan} does not exist; name a DICOM folder or an image file")
        for path, option in ((self.report, "--report"), (self.map, "--map")):
            if path is not None:
                inside = self.scan if self.scan.is_dir() else None
                check_file(path, self.overwrite, option, source=self.scan, beside=inside)
        from mitsgan.cli.verification import (
            EXIT_CODES,
            check_false_alarms,
            check_map,
            summary,
            verification,
            write_map,
        )
        from mitsgan.mark import Key, detect, series_identity
        from mitsgan.scan import read_scan

        check_false_alarms(self.false_alarms)
        if self.map is not None:
            check_map(self.map)
        key = Key.load(self.key)
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
        content = verification(found, scan, self.scan, console.seconds)
        if self.report is not None:
            write_json(self.report, content, overwrite=self.overwrite)
        if self.map is not None:
            write_map(self.map, found, scan, overwrite=self.overwrite)
        if self.json:
            console.say(json_text(content))
        else:
            console.say(summary(found, self.scan))
        return EXIT_CODES[found.verdict]
