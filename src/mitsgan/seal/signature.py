"""Signing, and checking a signature.

Three kinds of key, each with one algorithm, so that there is nothing to negotiate and nothing to
downgrade: Ed25519 (RFC 8032), RSA of 2048 bits or more with PSS and SHA-256 (RFC 8017), ECDSA on
P-256 with SHA-256 or on P-384 with SHA-384 (FIPS 186-5).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from mitsgan.seal.keys import (
    ECDSA_384,
    UNREADABLE,
    PrivateKey,
    SignatureError,
    algorithm_of,
    load_public,
    not_pem,
    pem_certificates,
    private_key,
    public_der,
    read_pem,
)
from mitsgan.seal.trust import valid_at

_PSS = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32)


@dataclass(frozen=True)
class Signer:
    """A private key, and the certificates that say whose it is.

    Attributes:
        key: the private key; never shown, never stored.
        certificates: the signer's own first, then those above it; none for a bare key.
    """

    key: PrivateKey = field(repr=False)
    certificates: tuple[x509.Certificate, ...] = ()

    @classmethod
    def load(
        cls,
        path: Path,
        certificate: Path | None = None,
        passphrase: Callable[[], bytes] | None = None,
    ) -> Signer:
        """Read a private key from PEM, and certificates from the same file or another.

        Args:
            path: PEM with a private key; it may hold the certificate too.
            certificate: PEM with the signer's certificate, and those above it.
            passphrase: asked only if the key is encrypted.

        Raises:
            SignatureError: unreadable, of another kind, a wrong passphrase, or a certificate that
                is of another key or not valid today.
        """
        data = read_pem(path)
        key = private_key(data, path, passphrase)
        algorithm_of(key.public_key(), str(path))
        chain: tuple[x509.Certificate, ...] = ()
        if certificate is not None:
            given = read_pem(certificate)
            chain = pem_certificates(given, certificate)
            if not chain:
                expected = "give a PEM file with -----BEGIN CERTIFICATE"
                raise SignatureError(
                    f"{certificate} holds no certificate in PEM; {not_pem(given) or expected}"
                )
        signer = cls(key, chain or pem_certificates(data, path))
        signer._check(certificate or path)
        return signer

    @property
    def algorithm(self) -> str:
        return algorithm_of(self.key.public_key())

    @property
    def public_key(self) -> bytes:
        """The public key, DER (SubjectPublicKeyInfo)."""
        return public_der(self.key.public_key())

    def sign(self, data: bytes) -> bytes:
        """The signature; of ECDSA in DER."""
        if isinstance(self.key, rsa.RSAPrivateKey):
            return self.key.sign(data, _PSS, hashes.SHA256())
        if isinstance(self.key, ec.EllipticCurvePrivateKey):
            return self.key.sign(data, ec.ECDSA(_hash(self.algorithm)))
        return self.key.sign(data)

    def sign_dicom(self, data: bytes) -> bytes:
        """The signature that a DICOM digital signature holds: RSA, PKCS #1 v1.5, SHA-256.

        Raises:
            SignatureError: the key is of another kind, or has no certificate.
        """
        if not isinstance(self.key, rsa.RSAPrivateKey) or not self.certificates:
            raise SignatureError(
                "a DICOM digital signature needs an RSA key and its certificate (PS3.15 annex C); "
                "give both, or sign without `dicom_signature`"
            )
        return self.key.sign(data, padding.PKCS1v15(), hashes.SHA256())

    def _check(self, path: Path) -> None:
        if not self.certificates:
            return
        own = self.certificates[0]
        try:
            same = public_der(own.public_key()) == self.public_key
        except UNREADABLE:
            same = False
        if not same:
            raise SignatureError(
                f"the first certificate of {path} ({own.subject.rfc4514_string()}) is not of the "
                f"key that is to sign; put the signer's own certificate first"
            )
        if not valid_at(own, datetime.now(UTC)):
            raise SignatureError(
                f"the certificate in {path} is valid from {own.not_valid_before_utc:%Y-%m-%d} to "
                f"{own.not_valid_after_utc:%Y-%m-%d}, not today; renew it, or set the clock"
            )


def verify(public_key: bytes, algorithm: str, signature: bytes, data: bytes) -> bool:
    """Whether the signature is that of this key over these bytes.

    Raises:
        SignatureError: the key cannot be read, or is not of the algorithm that is named.
    """
    key = load_public(public_key)
    if algorithm_of(key) != algorithm:
        raise SignatureError(
            f"the algorithm is {algorithm!r}, which is not that of the key, {algorithm_of(key)!r}"
        )
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, data, _PSS, hashes.SHA256())
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, data, ec.ECDSA(_hash(algorithm)))
        else:
            key.verify(signature, data)
    except InvalidSignature:
        return False
    return True


def _hash(algorithm: str) -> hashes.HashAlgorithm:
    return hashes.SHA384() if algorithm == ECDSA_384 else hashes.SHA256()
