"""What is restored, and by what."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mitsgan.settings import Settings


@dataclass(frozen=True, kw_only=True)
class RestoreFile(Settings):
    """What is restored, and by what."""

    scan: Path
    """The protected scan, as it was written: a folder with a DICOM series, a DICOM file or an
    image."""
    out: Path
    """The folder or the file to write: the original, whole, or not at all. Nothing is replaced."""
    private_key: Path
    """The private key of one of the recipients, PEM."""
    passphrase_file: Path | None = None
    """Holds the passphrase of the key; without it commands take MITSGAN_PASSPHRASE, or ask."""
    original: Path | None = None
    """The encrypted original; by default PROTECTED.original.p7m beside the scan or, where there is
    none, what its DICOM files hold themselves."""
    seal: Path | None = None
    """The seal of the protected scan, which says what the original was; by default
    PROTECTED.seal.json beside the scan, if there is one."""
    trust: Path | None = None
    """Whom to believe the seal: a certificate, that of an authority, or a public key. With it there
    has to be a seal, of somebody who is trusted."""
