"""MITS-GAN made real: protect CT scans against tampering by generative models.

Importing this package is cheap: a public name is looked up in its room only when it is first
used, so that ``mitsgan --help`` need not wait for torch.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mitsgan.errors import (
        BudgetError,
        MissingExtraError,
        MitsganError,
        OutputError,
        PositionError,
        ScanError,
        WeightsError,
    )
    from mitsgan.files.derivation import Derivation
    from mitsgan.scan.scan import Geometry, Scan

try:
    __version__ = version("mitsgan")
except PackageNotFoundError:  # a source tree that nobody installed still imports
    __version__ = "0+unknown"

_ROOM = {
    "Scan": "mitsgan.scan.scan",
    "Geometry": "mitsgan.scan.scan",
    "Derivation": "mitsgan.files.derivation",
    "MitsganError": "mitsgan.errors",
    "ScanError": "mitsgan.errors",
    "OutputError": "mitsgan.errors",
    "BudgetError": "mitsgan.errors",
    "PositionError": "mitsgan.errors",
    "WeightsError": "mitsgan.errors",
    "MissingExtraError": "mitsgan.errors",
}

__all__ = [
    "BudgetError",
    "Derivation",
    "Geometry",
    "MissingExtraError",
    "MitsganError",
    "OutputError",
    "PositionError",
    "Scan",
    "ScanError",
    "WeightsError",
    "__version__",
]


def __getattr__(name: str) -> object:
    """Import a public name from its room on first use."""
    if name not in _ROOM:
        raise AttributeError(f"module 'mitsgan' has no attribute {name!r}")
    value: object = getattr(import_module(_ROOM[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
