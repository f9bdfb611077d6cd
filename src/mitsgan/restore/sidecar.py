"""The file beside a protected scan that holds its original, encrypted.

CMS as DER, so that ``openssl cms -decrypt -inform DER`` reads it, and behind that a mark of ours
with the SHA-256 of all before it: a changed byte is told before anything is decrypted.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from mitsgan.ownership import KEPT_ORIGINAL
from mitsgan.restore.errors import RestoreError

_DIGEST_BYTES = hashlib.sha256().digest_size
_TRAILER = len(KEPT_ORIGINAL) + _DIGEST_BYTES


def sidecar_path(scan: Path) -> Path:
    """Where the original of a protected scan lies unless told otherwise: beside it."""
    return scan.with_name(f"{scan.name}.original.p7m")


def to_sidecar(envelope: bytes) -> bytes:
    """The bytes of the file."""
    marked = envelope + KEPT_ORIGINAL
    return marked + hashlib.sha256(marked).digest()


def read_sidecar(path: Path) -> tuple[bytes, str]:
    """The envelope, and the SHA-256 of the whole file in hexadecimal.

    Raises:
        RestoreError: it cannot be read, is something else, or was changed.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise RestoreError(
            f"{path} cannot be read ({error.strerror}): it holds the original, which is lost "
            f"without it; put it beside the protected scan, or name it with `original`"
        ) from error
    marked, digest = data[:-_DIGEST_BYTES], data[-_DIGEST_BYTES:]
    if not marked.endswith(KEPT_ORIGINAL) or hashlib.sha256(marked).digest() != digest:
        raise RestoreError(
            f"{path} is no original as mitsgan keeps it, or was changed or cut off since; fetch it "
            f"again"
        )
    return data[:-_TRAILER], hashlib.sha256(data).hexdigest()
