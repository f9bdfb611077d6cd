"""What the extra `node` installs."""

from __future__ import annotations

from importlib.util import find_spec

from mitsgan.errors import MissingExtraError

_PACKAGES = ("pynetdicom", "prometheus_client", "starlette", "uvicorn")


def require_node() -> None:
    """Raise `MissingExtraError` where a package of the extra is not installed."""
    lacking = [name for name in _PACKAGES if find_spec(name) is None]
    if lacking:
        raise MissingExtraError(
            f"the node needs {', '.join(lacking)}; install with: pip install 'mitsgan[node]'"
        )
