"""What commands that seal share: the signer, the passphrase, and where the seal goes."""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mitsgan.atomic import check_target
from mitsgan.cli.options import UsageError

if TYPE_CHECKING:
    from mitsgan.seal.signature import Signer

PASSPHRASE = "MITSGAN_PASSPHRASE"
"""The environment variable that a passphrase is taken from where no file is named."""


@dataclass(frozen=True)
class Sealing:
    """A seal to be: who signs it, and where it is written."""

    signer: Signer
    path: Path
    overwrite: bool

    def seal(
        self,
        scan: Path,
        *,
        series: str | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> int:
        """Seal a scan as it lies on disk; how many slices it has."""
        from mitsgan.seal.seal import make_seal, write_seal

        document = make_seal(scan, self.signer, series=series, progress=progress)
        write_seal(document, self.path, overwrite=self.overwrite)
        return slice_count(document)

    @property
    def who(self) -> str:
        """The signer, for people: the certificate's subject, and the key's fingerprint."""
        from mitsgan.seal.keys import fingerprint, name_of

        key = f"key {fingerprint(self.signer.public_key)}"
        certificates = self.signer.certificates
        return f'"{name_of(certificates[0])}", {key}' if certificates else key


def prepare(
    key: Path,
    certificate: Path | None,
    passphrase_file: Path | None,
    path: Path,
    *,
    overwrite: bool,
    source: Path | None,
) -> Sealing:
    """Load the signer, and see that the seal can be written: before the work, not after.

    Args:
        key, certificate, passphrase_file: as the user gave them.
        path: where the seal is to be.
        overwrite: whether an earlier one may be replaced.
        source: the scan, in which the seal must not lie.

    Raises:
        SignatureError: the key or the certificate is of no use.
        OutputError: the seal cannot be written there.
    """
    from mitsgan.seal.signature import Signer

    check_target(path, overwrite, source=source)
    signer = Signer.load(key, certificate, lambda: passphrase(key, passphrase_file))
    return Sealing(signer, path, overwrite)


def prepare_beside(
    output: Path,
    key: Path | None,
    certificate: Path | None,
    passphrase_file: Path | None,
    overwrite: bool,
) -> Sealing | None:
    """As `prepare`, for the seal of an output that is not there yet; None without a key.

    Raises:
        UsageError: options for a key, but no key.
    """
    if key is None:
        if certificate is not None or passphrase_file is not None:
            raise UsageError("--certificate and --passphrase-file belong to a key; give --sign too")
        return None
    path = seal_path(output)
    return prepare(key, certificate, passphrase_file, path, overwrite=overwrite, source=output)


def seal_path(scan: Path) -> Path:
    """Where the seal of a scan lies unless told otherwise: beside it."""
    return scan.with_name(f"{scan.name}.seal.json")


def check_copies(scan: Path, folder: Path, sealing: Sealing) -> None:
    """Raise where signed copies could not be written: no DICOM, no RSA key, or a wrong place."""
    from mitsgan.seal.content import kind_of

    if kind_of(scan) != "dicom":
        raise UsageError(
            f"--dicom-signature: {scan} is an image, which has no place for a DICOM signature; "
            f"the seal alone is for images too"
        )
    sealing.signer.sign_dicom(b"")
    check_target(folder, sealing.overwrite, source=scan)
    if folder.resolve() in (sealing.path.resolve(), *sealing.path.resolve().parents):
        raise UsageError(
            f"the seal {sealing.path} would lie in the copies {folder}; name a file outside them"
        )


def write_copies(
    scan: Path,
    folder: Path,
    sealing: Sealing,
    series: str | None,
    progress: Callable[[int, int], None],
) -> None:
    """Write copies of a series with a DICOM digital signature in each."""
    from cryptography.hazmat.primitives.serialization import Encoding

    from mitsgan.files.dicom.content import choose_content, read_content
    from mitsgan.seal.dicom_signature import write_signed

    write_signed(
        choose_content(read_content(scan), scan, series),
        folder,
        sealing.signer.sign_dicom,
        sealing.signer.certificates[0].public_bytes(Encoding.DER),
        overwrite=sealing.overwrite,
        progress=progress,
    )


def slice_count(document: object) -> int:
    """How many slices a seal is of."""
    content = document["content"] if isinstance(document, dict) else {}
    return len(content["slices"])


def passphrase(key: Path, file: Path | None) -> bytes:
    """The passphrase of a key: the first line of a file, the environment, or typed in.

    Raises:
        UsageError: none of these has one.
    """
    if file is not None:
        lines = file.read_bytes().splitlines()
        if not lines:
            raise UsageError(f"--passphrase-file {file} is empty; put the passphrase in it")
        return lines[0]
    given = os.environ.get(PASSPHRASE)
    if given is not None:
        return given.encode()
    if sys.stdin.isatty():
        return getpass.getpass(f"passphrase of {key}: ").encode()
    raise UsageError(
        f"{key} is encrypted and there is no terminal to ask for its passphrase; give "
        f"--passphrase-file FILE, or set {PASSPHRASE}"
    )
