"""Signing and checking signatures: keys, certificates, and whom to believe.

Three kinds of key, each with one algorithm, so that there is nothing to negotiate and nothing to
downgrade: Ed25519 (RFC 8032), RSA of 2048 bits or more with PSS and SHA-256 (RFC 8017), ECDSA on
P-256 with SHA-256 or on P-384 with SHA-384 (FIPS 186-5).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from mitsgan.errors import MitsganError

PrivateKey = ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
PublicKey = ed25519.Ed25519PublicKey | rsa.RSAPublicKey | ec.EllipticCurvePublicKey

ED25519 = "Ed25519"
RSA = "RSASSA-PSS-SHA256"
ECDSA_256, ECDSA_384 = "ECDSA-P256-SHA256", "ECDSA-P384-SHA384"

_RSA_BITS = (2048, 16384)
_LARGEST_PEM = 1 << 20
_LARGEST_DER = 1 << 16
_PSS = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32)
_UNREADABLE = (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion)
_KINDS = "Ed25519, RSA of at least 2048 bits, or ECDSA on P-256 or P-384"


class SignatureError(MitsganError):
    """A key or a certificate cannot be read, is of a kind not used here, or does not fit."""


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
        data = _read(path)
        key = _private_key(data, path, passphrase)
        algorithm_of(key.public_key(), str(path))
        chain = _certificates(_read(certificate), certificate) if certificate else ()
        if certificate is not None and not chain:
            raise SignatureError(
                f"{certificate} holds no certificate; give a PEM file with -----BEGIN CERTIFICATE"
            )
        signer = cls(key, chain or _certificates(data, path))
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

    def _check(self, path: Path) -> None:
        if not self.certificates:
            return
        own = self.certificates[0]
        try:
            same = public_der(own.public_key()) == self.public_key
        except _UNREADABLE:
            same = False
        if not same:
            raise SignatureError(
                f"the first certificate of {path} ({own.subject.rfc4514_string()}) is not of the "
                f"key that is to sign; put the signer's own certificate first"
            )
        if not _valid(own, datetime.now(UTC)):
            raise SignatureError(
                f"the certificate in {path} is valid from {own.not_valid_before_utc:%Y-%m-%d} to "
                f"{own.not_valid_after_utc:%Y-%m-%d}, not today; renew it, or set the clock"
            )


@dataclass(frozen=True)
class Trust:
    """Whom to believe: public keys, and certificates of persons or of authorities.

    A signer is trusted if the key is one of these or in one of these certificates, or if one of
    these certificates is an authority that issued the signer's certificate itself. Longer chains
    are not followed: give the certificate of the authority next to the signer.
    """

    keys: tuple[bytes, ...]
    certificates: tuple[x509.Certificate, ...] = ()

    @classmethod
    def load(cls, path: Path) -> Trust:
        """Read PEM with public keys or certificates, any number of each.

        Raises:
            SignatureError: unreadable, nothing of the kind in it, or a private key.
        """
        data = _read(path)
        if b"PRIVATE KEY-----" in data:
            raise SignatureError(
                f"{path} holds a private key, which belongs to the signer alone; give the public "
                f"key (openssl pkey -in KEY -pubout) or the certificate"
            )
        certificates = _certificates(data, path)
        keys = [_public_pem(block, path) for block in _blocks(data, b"PUBLIC KEY")]
        if not certificates and not keys:
            raise SignatureError(
                f"{path} holds neither a certificate nor a public key in PEM; give CERT.pem or "
                f"PUBLIC_KEY.pem of whom you trust"
            )
        return cls(tuple(keys), certificates)

    def covers(
        self, public_key: bytes, chain: Sequence[x509.Certificate], at: datetime
    ) -> str | None:
        """Why the signer is trusted, in words; None if not.

        Args:
            public_key: DER of the key that made the signature.
            chain: the signer's certificates as they came with it, own first.
            at: when the signature says it was made. Nobody vouches for that time.
        """
        if public_key in self.keys:
            return "its key is one that you trust"
        for trusted in self.certificates:
            if _certified_key(trusted) == public_key and _valid(trusted, at):
                return f"its certificate is one that you trust ({name_of(trusted)})"
        if not chain or _certified_key(chain[0]) != public_key or not _valid(chain[0], at):
            return None
        for trusted in self.certificates:
            if _valid(trusted, at) and _may_issue(trusted) and _issued(chain[0], trusted):
                return f"its certificate was issued by {name_of(trusted)}, whom you trust"
        return None


def verify(public_key: bytes, algorithm: str, signature: bytes, data: bytes) -> bool:
    """Whether the signature is that of this key over these bytes.

    Raises:
        SignatureError: the key cannot be read, or is not of the algorithm that is named.
    """
    key = load_public(public_key)
    if algorithm_of(key) != algorithm:
        raise SignatureError(
            f"the seal names {algorithm!r}, but its key is of {algorithm_of(key)!r}; it is damaged"
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


def load_public(der: bytes) -> PublicKey:
    """A public key from DER.

    Raises:
        SignatureError: unreadable, or of a kind not used here.
    """
    try:
        if len(der) > _LARGEST_DER:
            raise ValueError(f"{len(der)} bytes")
        key = serialization.load_der_public_key(der)
    except _UNREADABLE as error:
        raise SignatureError(f"the public key cannot be read ({_first_line(error)})") from error
    algorithm_of(key)
    assert_kind = key if isinstance(key, PublicKey) else None
    if assert_kind is None:
        raise SignatureError(f"the public key is of a kind not used here; expected {_KINDS}")
    return assert_kind


def load_certificates(ders: Sequence[bytes]) -> tuple[x509.Certificate, ...]:
    """Certificates from DER.

    Raises:
        SignatureError: one cannot be read.
    """
    try:
        return tuple(x509.load_der_x509_certificate(der) for der in ders)
    except _UNREADABLE as error:
        raise SignatureError(f"a certificate cannot be read ({_first_line(error)})") from error


def algorithm_of(key: object, where: str = "the public key") -> str:
    """The one algorithm that a public key is used with.

    Raises:
        SignatureError: a kind or a size that is not used here.
    """
    if isinstance(key, ed25519.Ed25519PublicKey):
        return ED25519
    if isinstance(key, rsa.RSAPublicKey) and _RSA_BITS[0] <= key.key_size <= _RSA_BITS[1]:
        return RSA
    if isinstance(key, ec.EllipticCurvePublicKey):
        if isinstance(key.curve, ec.SECP256R1):
            return ECDSA_256
        if isinstance(key.curve, ec.SECP384R1):
            return ECDSA_384
    size = f" of {key.key_size} bits" if isinstance(key, rsa.RSAPublicKey) else ""
    kind = type(key).__name__.removesuffix("PublicKey")
    raise SignatureError(f"{where} is of kind {kind}{size}, which is not used; expected {_KINDS}")


def fingerprint(public_key: bytes) -> str:
    """SHA-256 of a public key in DER, as ``SHA256:hex``: what two people compare by telephone."""
    return f"SHA256:{hashlib.sha256(public_key).hexdigest()}"


def name_of(certificate: x509.Certificate) -> str:
    """The subject, as RFC 4514 writes it."""
    return certificate.subject.rfc4514_string()


def public_der(key: object) -> bytes:
    """DER of any public key.

    Raises:
        ValueError: it is none.
    """
    if not hasattr(key, "public_bytes"):
        raise ValueError("no public key")
    der: bytes = key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return der


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST_PEM + 1)
    except OSError as error:
        raise SignatureError(
            f"{path} cannot be read ({error.strerror}); name a PEM file"
        ) from error
    if len(data) > _LARGEST_PEM:
        raise SignatureError(f"{path} is too large for keys or certificates; name a PEM file")
    return data


def _private_key(data: bytes, path: Path, passphrase: Callable[[], bytes] | None) -> PrivateKey:
    block = next(iter(_blocks(data, b"PRIVATE KEY")), None)
    if block is None:
        raise SignatureError(
            f"{path} holds no private key in PEM; make one with: openssl genpkey -algorithm "
            f"ed25519 -out key.pem"
        )
    try:
        key = serialization.load_pem_private_key(block, None)
    except TypeError as locked:  # what cryptography raises for a key that needs a passphrase
        if passphrase is None:
            raise SignatureError(f"{path} is encrypted; give its passphrase") from locked
        try:
            key = serialization.load_pem_private_key(block, passphrase())
        except _UNREADABLE as error:
            raise SignatureError(
                f"{path} cannot be decrypted: a wrong passphrase, or the file is damaged"
            ) from error
    except _UNREADABLE as error:
        raise SignatureError(
            f"{path} holds no private key that can be read ({_first_line(error)})"
        ) from error
    if not isinstance(key, PrivateKey):
        raise SignatureError(f"{path} holds a key of a kind not used here; expected {_KINDS}")
    return key


def _public_pem(block: bytes, path: Path) -> bytes:
    try:
        key = serialization.load_pem_public_key(block)
    except _UNREADABLE as error:
        raise SignatureError(f"{path} holds a damaged public key") from error
    algorithm_of(key, str(path))
    return public_der(key)


def _certificates(data: bytes, path: Path) -> tuple[x509.Certificate, ...]:
    try:
        return tuple(
            x509.load_pem_x509_certificate(block) for block in _blocks(data, b"CERTIFICATE")
        )
    except _UNREADABLE as error:
        raise SignatureError(
            f"{path} holds a certificate that cannot be read ({_first_line(error)})"
        ) from error


def _blocks(data: bytes, kind: bytes) -> list[bytes]:
    """The PEM blocks whose label ends in ``kind``, such as ``RSA PRIVATE KEY``."""
    found: list[bytes] = []
    lines: list[bytes] | None = None
    for line in data.splitlines():
        text = line.strip()
        if text.startswith(b"-----BEGIN ") and text.endswith(kind + b"-----"):
            lines = []
        if lines is not None:
            lines.append(text)
            if text.startswith(b"-----END "):
                found.append(b"\n".join(lines) + b"\n")
                lines = None
    return found


def _hash(algorithm: str) -> hashes.HashAlgorithm:
    return hashes.SHA384() if algorithm == ECDSA_384 else hashes.SHA256()


def _valid(certificate: x509.Certificate, at: datetime) -> bool:
    return certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc


def _certified_key(certificate: x509.Certificate) -> bytes | None:
    """The key that a certificate is of, if it may sign; None else."""
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
        may_sign = usage.digital_signature or usage.content_commitment
    except x509.ExtensionNotFound:
        may_sign = True
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        return None
    try:
        return public_der(certificate.public_key()) if may_sign else None
    except _UNREADABLE:
        return None


def _may_issue(certificate: x509.Certificate) -> bool:
    """Whether it is of an authority, without limits on names, which are not looked at here."""
    try:
        extensions = certificate.extensions
        basic = extensions.get_extension_for_class(x509.BasicConstraints).value
        if not basic.ca or any(isinstance(e.value, x509.NameConstraints) for e in extensions):
            return False
        usage = extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound as missing:
        return missing.oid == x509.KeyUsage.oid
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        return False
    return usage.key_cert_sign


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (*_UNREADABLE, InvalidSignature):
        return False
    return True


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
