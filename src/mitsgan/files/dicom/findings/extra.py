"""What the extra `findings` installs."""

from __future__ import annotations

from importlib.util import find_spec

from mitsgan.errors import MissingExtraError


def require_findings() -> None:
    """Raise `MissingExtraError` where the extra is not installed."""
    if find_spec("highdicom") is None:
        raise MissingExtraError(
            "findings as DICOM need highdicom; install with: pip install 'mitsgan[findings]'"
        )
