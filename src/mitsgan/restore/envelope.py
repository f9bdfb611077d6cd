"""Bytes encrypted to several recipients, each of whom can decrypt them alone.

CMS EnvelopedData (RFC 5652) as DER: AES-256-CBC, its key in RSA PKCS #1 v1.5 for each recipient.
That form is read by ``openssl cms -decrypt`` and, within DICOM, by other toolkits. It hides; that
nothing was changed is for digests and the seal to say.

A recipient is found by its public key: the name and the number that CMS wants of a certificate are
made of the key's fingerprint. So a bare public key will do, the private key alone decrypts, and
the envelope does not tell who the recipients are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.ciphers import algorithms
from cryptography.hazmat.primitives.serialization import Encoding, load_der_public_key, pkcs7
from cryptography.x509.oid import NameOID

from mitsgan.restore.errors import RestoreError
from mitsgan.seal.keys import (
    algorithm_of,
    fingerprint,
    not_pem,
    pem_blocks,
    pem_certificates,
    pem_public_key,
    private_key,
    public_der,
    read_pem,
)

_SERIAL_BYTES = 16
_ALWAYS = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
_DAMAGED = (ValueError, TypeError, UnsupportedAlgorithm)
_MAKE_KEY = "make one with: openssl req -x509 -newkey rsa:3072 -keyout key.pem -out certificate.pem"


@dataclass(frozen=True)
class Recipient:
    """Somebody who may have the original.

    Attributes:
        key: the public key, RSA.
    """

    key: rsa.RSAPublicKey

    @classmethod
    def load(cls, path: Path) -> Recipient:
        """Read PEM with one certificate, those of its authorities behind it, or one public key.

        Raises:
            RestoreError: a private key, several recipients or none, or a key that is not RSA.
            SignatureError: the file or what is in it cannot be read.
        """
        data = read_pem(path)
        if b"PRIVATE KEY-----" in data:
            raise RestoreError(
                f"{path} holds a private key, which belongs to the recipient alone; give the "
                f"certificate or the public key (openssl pkey -in KEY -pubout)"
            )
        ders = [public_der(one.public_key()) for one in _leaves(pem_certificates(data, path))]
        ders += [pem_public_key(block, path) for block in pem_blocks(data, b"PUBLIC KEY")]
        if len(set(ders)) != 1:
            remedy = "give each recipient a file of its own" if ders else not_pem(data) or _MAKE_KEY
            raise RestoreError(
                f"{path} holds {len(ders) or 'no'} certificates or public keys in PEM, expected "
                f"that of one recipient, and behind it those of its authorities, if any; {remedy}"
            )
        return cls(_rsa(load_der_public_key(ders[0]), path, _MAKE_KEY))

    @property
    def fingerprint(self) -> str:
        """``SHA256:hex`` of the public key."""
        return fingerprint(public_der(self.key))


def load_recipients(paths: Sequence[Path]) -> tuple[Recipient, ...]:
    """All recipients, each once.

    Raises:
        RestoreError, SignatureError: see `Recipient.load`.
    """
    recipients = [Recipient.load(path) for path in paths]
    return tuple({one.fingerprint: one for one in recipients}.values())


def load_private_key(path: Path, passphrase: Callable[[], bytes] | None) -> rsa.RSAPrivateKey:
    """A recipient's private key, from PEM.

    Raises:
        RestoreError: it is not RSA.
        SignatureError: none there, unreadable, or a wrong passphrase.
    """
    key = private_key(read_pem(path), path, passphrase)
    _rsa(key.public_key(), path, "give the private key that belongs to a recipient's certificate")
    assert isinstance(key, rsa.RSAPrivateKey)  # what has an RSA public key
    return key


def encrypt(data: bytes, recipients: Sequence[Recipient]) -> bytes:
    """The envelope, DER.

    Raises:
        RestoreError: no recipient, or this machine's OpenSSL allows no such encryption.
    """
    if not recipients:
        raise RestoreError("the original is kept for nobody; name at least one recipient")
    try:
        builder = pkcs7.PKCS7EnvelopeBuilder().set_data(data)
        builder = builder.set_content_encryption_algorithm(algorithms.AES256)
        for recipient in recipients:
            builder = builder.add_recipient(_identity(recipient.key))
        return builder.encrypt(Encoding.DER, [pkcs7.PKCS7Options.Binary])
    except UnsupportedAlgorithm as error:
        raise RestoreError(
            f"the OpenSSL of this machine does not encrypt to RSA keys by PKCS #1 v1.5 ({error}); "
            f"protect on a machine without that restriction"
        ) from error


def decrypt(envelope: bytes, key: rsa.RSAPrivateKey, where: str) -> bytes:
    """What is in an envelope.

    Args:
        envelope: DER.
        key: of one of its recipients.
        where: what messages call it.

    Raises:
        RestoreError: the key is of none of its recipients, or it is damaged.
    """
    certificate = _identity(key.public_key())
    issuer = certificate.issuer.public_bytes()
    if issuer not in envelope:
        raise RestoreError(
            f"{where} is not encrypted to this key ({fingerprint(public_der(key.public_key()))}); "
            f"give the private key of a recipient that was named when the scan was protected"
        )
    try:
        return pkcs7.pkcs7_decrypt_der(envelope, certificate, key, [])
    except _DAMAGED as error:
        raise RestoreError(
            f"{where} cannot be decrypted ({error}): it is damaged or was changed; fetch it again"
        ) from error


def _identity(key: rsa.RSAPublicKey) -> x509.Certificate:
    """A certificate whose issuer and number follow from the key; nobody vouches by it."""
    digest = hashlib.sha256(public_der(key)).digest()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, digest.hex())])
    serial = int.from_bytes(digest[:_SERIAL_BYTES], "big") >> 1 or 1
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key)
    builder = builder.serial_number(serial).not_valid_before(_ALWAYS[0])
    return builder.not_valid_after(_ALWAYS[1]).sign(ed25519.Ed25519PrivateKey.generate(), None)


def _leaves(certificates: Sequence[x509.Certificate]) -> list[x509.Certificate]:
    """Those that are not there to vouch for the one before them."""
    follows = (False, *(_vouches(above, below) for below, above in pairwise(certificates)))
    return [one for one, vouches in zip(certificates, follows, strict=False) if not vouches]


def _vouches(above: x509.Certificate, below: x509.Certificate) -> bool:
    try:
        below.verify_directly_issued_by(above)
    except (*_DAMAGED, InvalidSignature):
        return False
    return True


def _rsa(key: object, path: Path, remedy: str) -> rsa.RSAPublicKey:
    if not isinstance(key, rsa.RSAPublicKey):
        raise RestoreError(
            f"{path} holds a key that is not RSA, to which nothing is encrypted here; {remedy}"
        )
    algorithm_of(key, str(path))
    return key
