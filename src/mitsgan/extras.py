"""Optional packages: whether those of an extra are installed, and what to do where they are not."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

from mitsgan.errors import MissingExtraError


def require_extra(extra: str, what: str, packages: Sequence[str]) -> None:
    """Raise `MissingExtraError` where a package is not installed.

    Args:
        extra: its name in the installation line.
        what: needs the packages, with its verb: "the node needs".
        packages: as they are imported.
    """
    lacking = [name for name in packages if find_spec(name) is None]
    if lacking:
        raise MissingExtraError(
            f"{what} {', '.join(lacking)}; install with: pip install 'mitsgan[{extra}]'"
        )
