"""How a route protects, verifies or restores."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mitsgan.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Verifying(Settings):
    """How a route verifies: by the mark."""

    key: Path


@dataclass(frozen=True, kw_only=True)
class Restoring(Settings):
    """How a route gives originals back to a trusted reader."""

    private_key: Path
    """Of one of the recipients that originals were kept for, PEM."""
    passphrase_file: Path | None = None
    """Holds the passphrase of an encrypted key."""
    trust: Path | None = None
    """Whom to believe a seal: a certificate or a public key. With it, what has no seal of theirs
    is refused."""
