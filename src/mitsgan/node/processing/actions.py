"""How a route protects, verifies or restores."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mitsgan.errors import SettingsError
from mitsgan.jobs.protect.settings import Protecting
from mitsgan.settings import Settings


@dataclass(frozen=True, kw_only=True)
class RouteProtecting(Protecting):
    """How a route protects: as `mitsgan protect`, with original kept where that is asked for."""

    restorable: tuple[Path, ...] = ()
    """Keep the original, encrypted to these recipients: certificates or public keys, RSA."""
    restorable_form: Literal["residual", "full"] = "residual"
    """full: within each DICOM file, too, where any archive keeps it."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.restorable_form != "residual" and not self.restorable:
            raise SettingsError("`restorable_form` says how an original is kept; give `restorable`")


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
