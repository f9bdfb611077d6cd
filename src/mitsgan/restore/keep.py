"""Keep the original of a scan that was protected: what differs, compressed and encrypted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from mitsgan.files.dicom.source import DicomSource
from mitsgan.progress import Steps
from mitsgan.restore.envelope import Recipient, encrypt
from mitsgan.restore.image import KeptImage, check_image, ending_of
from mitsgan.restore.payload import FORMAT, VERSION, Description, Payload
from mitsgan.restore.residual import pack
from mitsgan.restore.series import KeptSeries
from mitsgan.restore.sidecar import to_sidecar
from mitsgan.scan.source import Source

_WORD = 2


@dataclass(frozen=True)
class Kept:
    """An original that is ready to be written beside the protected scan.

    Attributes:
        sidecar: the bytes of the file.
        original: digest of the original (`mitsgan.restore.digest`).
        encrypted: SHA-256 of the sidecar.
        voxel_bytes: size of all voxels of the original, uncompressed.
    """

    sidecar: bytes
    original: str
    encrypted: str
    voxel_bytes: int


def check_keepable(source: Path, out: Path) -> None:
    """Raise `RestoreError` where an original could not be kept: before the work, not after.

    Args:
        source: the scan.
        out: where the protected scan is to be.
    """
    if ending_of(source) or ending_of(out):
        check_image(source, out)


def keep_original(
    source: Source,
    written: Path,
    recipients: Sequence[Recipient],
    original: str,
    progress: Steps | None = None,
) -> Kept:
    """Take the difference of a scan and of what was written of it, and encrypt it.

    Both are read anew from their files.

    Args:
        source: what the scan was read from.
        written: the protected scan.
        recipients: who may have the original.
        original: its digest (`mitsgan.restore.digest`).
        progress: called with (done, total) steps.

    Raises:
        RestoreError: it cannot be encrypted.
        ScanError: a file cannot be read.
    """
    kept: KeptSeries | KeptImage
    if isinstance(source, DicomSource):
        kept, itemsize = KeptSeries(source, written), _WORD
    else:
        assert source.path is not None  # what was read from a file
        kept = KeptImage(source.path, written)
        itemsize = kept.itemsize
    slabs = tuple(pack(kept.changes(progress)))
    headers = tuple(kept.headers)
    description = Description(
        format=FORMAT,
        version=VERSION,
        original=original,
        shape=kept.shape,
        itemsize=itemsize,
        files=tuple(kept.files) if isinstance(kept, KeptSeries) else (),
        image=None if isinstance(kept, KeptSeries) else kept.image,
        headers=tuple(map(len, headers)),
        slabs=tuple(map(len, slabs)),
    )
    envelope = encrypt(Payload(description, headers, slabs).to_bytes(), recipients)
    sidecar = to_sidecar(envelope)
    z, y, x = kept.shape
    return Kept(sidecar, original, sha256(sidecar).hexdigest(), z * y * x * itemsize)
