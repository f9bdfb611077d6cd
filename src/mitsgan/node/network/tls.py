"""TLS as DICOM wants it: the BCP 195 profile (PS3.15 B.9), certificates on both sides."""

from __future__ import annotations

import ssl
from datetime import datetime
from pathlib import Path

from cryptography.x509 import load_pem_x509_certificate

from mitsgan.errors import ConfigurationError
from mitsgan.node.config import Tls

CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""Of TLS 1.2: forward secrecy and authenticated encryption only; TLS 1.3 has no others."""


def server_context(tls: Tls) -> ssl.SSLContext:
    """For peers that connect to the node.

    Raises:
        ConfigurationError: see `client_context`.
    """
    return _context(tls, ssl.PROTOCOL_TLS_SERVER)


def client_context(tls: Tls) -> ssl.SSLContext:
    """For peers that the node connects to; their certificate must bear the address's name.

    Raises:
        ConfigurationError: a certificate or key cannot be read, or the two do not belong together.
    """
    return _context(tls, ssl.PROTOCOL_TLS_CLIENT)


def reason_of(error: ssl.SSLError) -> str:
    """Why a handshake failed, in OpenSSL's words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the peer's certificate: {error.verify_message}"
    return (error.reason or "no handshake").lower().replace("_", " ")


def valid(path: Path) -> tuple[datetime, datetime]:
    """From when until when a certificate is valid.

    Raises:
        ConfigurationError: it cannot be read.
    """
    try:
        certificate = load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"TLS with {path}: {error}") from error
    return certificate.not_valid_before_utc, certificate.not_valid_after_utc


def _context(tls: Tls, protocol: int) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    context.verify_mode = ssl.CERT_REQUIRED

    def passphrase() -> str:
        # OpenSSL would ask at the terminal for it, and a node in the background would stop there.
        raise ConfigurationError(
            f"TLS with {tls.key}: the key is encrypted; name one without a passphrase, mode 600: "
            f"openssl pkey -in {tls.key} -out KEY"
        )

    try:
        if tls.certificate is not None:
            context.load_cert_chain(tls.certificate, tls.key, passphrase)
        context.load_verify_locations(tls.authorities)
    except (OSError, ssl.SSLError) as error:
        files = ", ".join(str(p) for p in (tls.certificate, tls.key, tls.authorities) if p)
        raise ConfigurationError(
            f"TLS with {files}: {error}; name certificates, a key and authorities as PEM"
        ) from error
    return context
