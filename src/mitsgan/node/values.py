"""Values of the configuration that DICOM and TLS have rules for."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from mitsgan.errors import SettingsError


def check_title(name: str, title: str) -> None:
    """Raise `SettingsError` where a setting is no AE title."""
    printable = title.isascii() and title.isprintable()
    if not 1 <= len(title.strip()) <= 16 or not printable or "\\" in title:
        raise SettingsError(
            f"`{name}` must be an AE title of 1 to 16 printable ASCII characters, found {title!r}"
        )


def check_keyword(keyword: str) -> None:
    """Raise `SettingsError` where `expected` is no attribute; "" is none, and allowed."""
    from pydicom.datadict import tag_for_keyword

    if keyword and tag_for_keyword(keyword) is None:
        raise SettingsError(f"`expected`: DICOM has no attribute {keyword}")


def check_url(url: str) -> None:
    """Raise `SettingsError` where a setting is no address of a DICOMweb server."""
    try:
        parts = urlsplit(url)
        wrong = parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0
    except ValueError as error:  # of a port
        raise SettingsError(f"`url` {url}: {error}") from None
    if wrong or parts.query or parts.fragment:
        raise SettingsError(f"`url` must be http:// or https://, a server and a path, found {url}")
    if parts.username is not None:  # it would be told to the audit trail
        raise SettingsError(
            f"`url` of {parts.hostname} names a user; servers get the token in `bearer_file`"
        )


def fingerprint(text: str) -> str:
    """The SHA-256 of a certificate as the node computes it; OpenSSL prints capitals and colons.

    Raises:
        SettingsError: it is none.
    """
    plain = text.replace(":", "").lower()
    if re.fullmatch("[0-9a-f]{64}", plain) is None:
        raise SettingsError(
            f"`certificates`: {text!r} is no SHA-256 of a certificate; "
            "openssl x509 -noout -fingerprint -sha256 -in CERTIFICATE tells it"
        )
    return plain
