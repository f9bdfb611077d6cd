"""Whom to believe: which signers are known, and who vouches for others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from mitsgan.seal.keys import (
    UNREADABLE,
    SignatureError,
    name_of,
    not_pem,
    pem_blocks,
    pem_certificates,
    pem_public_key,
    public_der,
    read_pem,
)

_OTHER_PURPOSES = frozenset(
    {
        *(ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH),
        *(ExtendedKeyUsageOID.TIME_STAMPING, ExtendedKeyUsageOID.OCSP_SIGNING),
    }
)
"""What an authority certifies servers and devices for: none of these keys may vouch for a scan."""

_LEAST_RSA_BITS = 2048


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
        data = read_pem(path)
        if b"PRIVATE KEY-----" in data:
            raise SignatureError(
                f"{path} holds a private key, which belongs to the signer alone; give the public "
                f"key (openssl pkey -in KEY -pubout) or the certificate"
            )
        certificates = pem_certificates(data, path)
        keys = [pem_public_key(block, path) for block in pem_blocks(data, b"PUBLIC KEY")]
        if not certificates and not keys:
            raise SignatureError(
                f"{path} holds neither a certificate nor a public key in PEM; "
                f"{not_pem(data) or 'give CERT.pem or PUBLIC_KEY.pem of whom you trust'}"
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
            if _certified_key(trusted) == public_key and valid_at(trusted, at):
                return f"its certificate is one that you trust ({name_of(trusted)})"
        if not chain or _certified_key(chain[0]) != public_key or not valid_at(chain[0], at):
            return None
        for trusted in self.certificates:
            if valid_at(trusted, at) and _may_issue(trusted) and _issued(chain[0], trusted):
                return f"its certificate was issued by {name_of(trusted)}, whom you trust"
        return None


def valid_at(certificate: x509.Certificate, at: datetime) -> bool:
    """Whether a moment lies within a certificate's validity."""
    return certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc


def _certified_key(certificate: x509.Certificate) -> bytes | None:
    """The key that a certificate is of, if it may sign; None else.

    Source: RFC 5280 sections 4.2 (what is critical and unknown), 4.2.1.3 and 4.2.1.12.
    """
    may_sign = True
    try:
        for extension in certificate.extensions:
            value = extension.value
            if isinstance(value, x509.KeyUsage):
                may_sign &= value.digital_signature or value.content_commitment
            elif isinstance(value, x509.ExtendedKeyUsage):
                may_sign &= not _OTHER_PURPOSES.issuperset(value)
            elif isinstance(value, x509.UnrecognizedExtension):
                may_sign &= not extension.critical
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        return None
    try:
        return public_der(certificate.public_key()) if may_sign else None
    except UNREADABLE:
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
    """Whether one certificate was issued by the other, in a way that nobody can forge."""
    try:
        key = issuer.public_key()
        if isinstance(key, rsa.RSAPublicKey) and key.key_size < _LEAST_RSA_BITS:
            return False
        certificate.verify_directly_issued_by(issuer)  # which refuses MD5 and SHA-1
    except (*UNREADABLE, InvalidSignature):
        return False
    return True
