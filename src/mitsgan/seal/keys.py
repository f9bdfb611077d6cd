"""Keys and certificates as they come in files, PEM and DER, and what kinds are used here.

Source: RFC 7468 (PEM), RFC 5280 (certificates), RFC 5958 and 5280 (keys).
"""

from __future__ import annotations

import codecs
import hashlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from mitsgan.errors import MitsganError, plain
from mitsgan.quiet import quiet

PrivateKey = ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
PublicKey = ed25519.Ed25519PublicKey | rsa.RSAPublicKey | ec.EllipticCurvePublicKey

ED25519 = "Ed25519"
RSA = "RSASSA-PSS-SHA256"
ECDSA_256, ECDSA_384 = "ECDSA-P256-SHA256", "ECDSA-P384-SHA384"

_RSA_BITS = (2048, 16384)
_LARGEST_PEM = 1 << 20
_LARGEST_DER = 1 << 16
_DER_SEQUENCE, _LENGTHS = 0x30, range(0x80, 0x85)
"""How DER of a key, a certificate or a PKCS #12 file starts."""
_PKCS7 = (b"-----BEGIN PKCS7-----", b"-----BEGIN CMS-----")
UNREADABLE = (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion)
_KINDS = "Ed25519, RSA of at least 2048 bits, or ECDSA on P-256 or P-384"


class SignatureError(MitsganError):
    """A key or a certificate cannot be read, is of a kind not used here, or does not fit."""


def load_public(der: bytes) -> PublicKey:
    """A public key from DER.

    Raises:
        SignatureError: unreadable, or of a kind not used here.
    """
    try:
        if len(der) > _LARGEST_DER:
            raise ValueError(f"{len(der)} bytes")
        key = serialization.load_der_public_key(der)
    except UNREADABLE as error:
        raise SignatureError(f"the public key cannot be read ({_first_line(error)})") from error
    if not isinstance(key, PublicKey):
        raise SignatureError(f"the public key is of a kind not used here; expected {_KINDS}")
    algorithm_of(key)
    return key


def load_certificates(ders: Sequence[bytes]) -> tuple[x509.Certificate, ...]:
    """Certificates from DER.

    Raises:
        SignatureError: one cannot be read.
    """
    try:
        with quiet():  # it warns of serial numbers that are not positive
            return tuple(_whole(x509.load_der_x509_certificate(der)) for der in ders)
    except UNREADABLE as error:
        raise SignatureError(f"a certificate cannot be read ({_first_line(error)})") from error


def _whole(certificate: x509.Certificate) -> x509.Certificate:
    """The certificate, whose subject can be read: else it fails when it is told, not here.

    Raises:
        ValueError: it cannot.
    """
    certificate.subject.rfc4514_string()
    return certificate


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
    """The subject, as RFC 4514 writes it, on one line."""
    return plain(certificate.subject.rfc4514_string())


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


def read_pem(path: Path) -> bytes:
    """The bytes of a file that may hold PEM.

    Raises:
        SignatureError: it cannot be read, or is too large.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST_PEM + 1)
    except OSError as error:
        raise SignatureError(
            f"{path} cannot be read ({error.strerror}); name a PEM file"
        ) from error
    if len(data) > _LARGEST_PEM:
        raise SignatureError(f"{path} is too large for keys or certificates; name a PEM file")
    return as_utf8(data)


def as_utf8(data: bytes) -> bytes:
    """Text without the mark of its byte order, which editors and shells of Windows put before it.

    PowerShell writes UTF-16. What cannot be read so stays as it is.
    """
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        with suppress(UnicodeDecodeError):
            return data.decode("utf-16").encode()
    return data.removeprefix(codecs.BOM_UTF8)


def pem_certificates(data: bytes, path: Path) -> tuple[x509.Certificate, ...]:
    """All certificates in PEM data, in their order.

    Raises:
        SignatureError: one cannot be read; ``path`` says where.
    """
    try:
        with quiet():
            return tuple(
                _whole(x509.load_pem_x509_certificate(block))
                for block in pem_blocks(data, b"CERTIFICATE")
            )
    except UNREADABLE as error:
        raise SignatureError(
            f"{path} holds a certificate that cannot be read ({_first_line(error)})"
        ) from error


def private_key(data: bytes, path: Path, passphrase: Callable[[], bytes] | None) -> PrivateKey:
    """The first private key in PEM data; ``passphrase`` is asked only if it is encrypted.

    Raises:
        SignatureError: none there, unreadable, a wrong passphrase; ``path`` says where.
    """
    block = next(iter(pem_blocks(data, b"PRIVATE KEY")), None)
    if block is None:
        raise SignatureError(
            f"{path} holds no private key in PEM; {not_pem(data) or 'name the file that does'} (a "
            f"new one to sign with: openssl genpkey -algorithm ed25519 -out key.pem)"
        )
    try:
        key = serialization.load_pem_private_key(block, None)
    except TypeError as locked:  # what cryptography raises for a key that needs a passphrase
        if passphrase is None:
            raise SignatureError(f"{path} is encrypted; give its passphrase") from locked
        try:
            key = serialization.load_pem_private_key(block, passphrase())
        except UNREADABLE as error:
            raise SignatureError(
                f"{path} cannot be decrypted: a wrong passphrase, or the file is damaged"
            ) from error
    except UNREADABLE as error:
        raise SignatureError(
            f"{path} holds no private key that can be read ({_first_line(error)})"
        ) from error
    if not isinstance(key, PrivateKey):
        raise SignatureError(f"{path} holds a key of a kind not used here; expected {_KINDS}")
    return key


def needs_passphrase(data: bytes) -> bool:
    """Whether the first private key in PEM data is encrypted; False where there is none."""
    block = next(iter(pem_blocks(data, b"PRIVATE KEY")), None)
    if block is None:
        return False
    try:
        serialization.load_pem_private_key(block, None)
    except TypeError:  # as in `private_key`
        return True
    except UNREADABLE:
        return False
    return False


def not_pem(data: bytes) -> str:
    """What to do with keys or certificates in another form, such as DER; empty if it is none."""
    if any(start in data for start in _PKCS7):
        return "it is PKCS #7: take the certificates out with `openssl pkcs7 -print_certs`"
    # A short one says its length at once, a longer one of how many bytes that is.
    if len(data) < 2 or data[0] != _DER_SEQUENCE or data[1] not in (len(data) - 2, *_LENGTHS):
        return ""
    return (
        "it looks like DER or PKCS #12: convert it with `openssl pkey` or `openssl x509`, each "
        "with -inform DER, or with `openssl pkcs12`"
    )


def pem_public_key(block: bytes, path: Path) -> bytes:
    """A public key from one PEM block, as DER.

    Raises:
        SignatureError: damaged, or of a kind not used here; ``path`` says where.
    """
    try:
        key = serialization.load_pem_public_key(block)
    except UNREADABLE as error:
        raise SignatureError(f"{path} holds a damaged public key") from error
    algorithm_of(key, str(path))
    return public_der(key)


def pem_blocks(data: bytes, kind: bytes) -> list[bytes]:
    """The PEM blocks whose label ends in ``kind``, such as ``RSA PRIVATE KEY``."""
    blocks: list[bytes] = []
    lines: list[bytes] | None = None
    for line in data.splitlines():
        text = line.strip()
        if text.startswith(b"-----BEGIN ") and text.endswith(kind + b"-----"):
            lines = []
        if lines is not None:
            lines.append(text)
            if text.startswith(b"-----END "):
                blocks.append(b"\n".join(lines) + b"\n")
                lines = None
    return blocks


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
