"""Who can restore, by their private key."""

from __future__ import annotations

from pathlib import Path

from mitsgan.jobs.seal import passphrase_of


def original_path(scan: Path) -> Path:
    """Where the original of a protected scan lies unless told otherwise: beside it."""
    from mitsgan.restore.sidecar import sidecar_path

    return sidecar_path(scan)


def recipient_of(private_key: Path, passphrase_file: Path | None) -> tuple[str, bytes]:
    """The fingerprint and the PEM of the public key that belongs to a recipient's private key.

    Raises:
        RestoreError: it is not RSA.
        SignatureError: it cannot be read, or the passphrase is wrong.
    """
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    from mitsgan.restore.envelope import Recipient, load_private_key

    ask = passphrase_of(private_key, passphrase_file, None)
    recipient = Recipient(load_private_key(private_key, ask).public_key())
    form = Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
    return recipient.fingerprint, recipient.key.public_bytes(*form)


def is_encrypted(private_key: Path) -> bool:
    """Whether a private key, PEM, needs a passphrase; False where the file holds none.

    Raises:
        SignatureError: it cannot be read.
    """
    from mitsgan.seal.keys import needs_passphrase, read_pem

    return needs_passphrase(read_pem(private_key))
