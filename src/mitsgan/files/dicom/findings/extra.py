"""What the extra `findings` installs."""

from __future__ import annotations

from mitsgan.extras import require_extra


def require_findings() -> None:
    """Raise `MissingExtraError` where the extra is not installed."""
    require_extra("findings", "findings as DICOM need", ["highdicom"])
