"""`mitsgan seal`: sign what a scan is, so that any change can be found and named."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg


@dataclass(frozen=True)
class SealCommand:
    """Seal a scan: sign its voxels and what gives them meaning; the scan stays as it is.

    `mitsgan verify SCAN --seal FILE --trust CERT.pem` later names every slice, block and header
    field that was changed.
    """

    scan: Annotated[Positional[Path], arg(metavar="SCAN")]
    """A folder with a DICOM series, a DICOM file, or a .nii, .nii.gz, .mha, .mhd, .nrrd image."""
    sign: Annotated[Path, arg(metavar="KEY.pem")]
    """The private key to sign with: Ed25519, RSA or ECDSA, in PEM; it may hold its certificate."""
    out: Annotated[Path | None, arg(aliases=["-o"], metavar="FILE.seal.json")] = None
    """The seal to write; by default SCAN.seal.json beside the scan."""
    certificate: Annotated[Path | None, arg(metavar="CERT.pem")] = None
    """The certificate of the key, and those above it, to be kept in the seal."""
    passphrase_file: Annotated[Path | None, arg(metavar="FILE")] = None
    """Holds the key's passphrase; else it is taken from MITSGAN_PASSPHRASE, or asked for."""
    dicom_signature: Annotated[Path | None, arg(metavar="FOLDER")] = None
    """Also write copies with a DICOM digital signature each (PS3.15 annex C; an RSA key)."""
    series: Annotated[str | None, arg(metavar="UID")] = None
    """The Series Instance UID to seal, where the folder holds several."""
    overwrite: bool = False
    """Replace the seal, and the signed copies, of an earlier run."""
    quiet: bool = False
    """No progress and no summary; errors are still told."""

    def run(self) -> int:
        """Seal; the exit code."""
        from mitsgan.cli.console import Console
        from mitsgan.errors import ScanError

        console = Console(quiet=self.quiet)
        if not self.scan.exists():
            raise ScanError(f"{self.scan} does not exist; name a DICOM folder or an image file")
        from mitsgan.jobs.seal import check_copies, prepare, seal_path, write_copies

        out = self.out or seal_path(self.scan.absolute() if not self.scan.name else self.scan)
        sealing = prepare(
            self.sign,
            self.certificate,
            self.passphrase_file,
            out,
            overwrite=self.overwrite,
            source=self.scan,
        )
        if self.dicom_signature is not None:
            check_copies(self.scan, self.dicom_signature, sealing)
            with console.phase("copy", f"signing copies of {self.scan}") as progress:
                write_copies(self.scan, self.dicom_signature, sealing, self.series, progress)
        with console.phase("seal", f"sealing {self.scan}") as progress:
            slices = sealing.seal(self.scan, series=self.series, progress=progress)
        console.say(f"{out}: {slices} slices sealed by {sealing.who} in {console.elapsed:.1f} s")
        return 0
