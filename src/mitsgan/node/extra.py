"""What the extra `node` installs."""

from __future__ import annotations

from mitsgan.extras import require_extra

_PACKAGES = ("pynetdicom", "prometheus_client", "starlette", "uvicorn")


def require_node() -> None:
    """Raise `MissingExtraError` where a package of the extra is not installed."""
    require_extra("node", "the node needs", _PACKAGES)
