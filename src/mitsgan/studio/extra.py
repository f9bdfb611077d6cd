"""What the extra `studio` installs."""

from __future__ import annotations

from mitsgan.extras import require_extra


def require_studio() -> None:
    """Raise `MissingExtraError` where a package of the extra is not installed."""
    require_extra("studio", "the studio needs", ("starlette", "uvicorn"))
