"""What a CT scan is, and how it gets in and out.

Names are looked up on first use: attackers import ``mitsgan.scan.scan``, and that must not
load the DICOM code along the way.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mitsgan.scan.atomic import atomic_output
    from mitsgan.scan.derivation import Derivation
    from mitsgan.scan.io import check_output, read_scan, write_scan
    from mitsgan.scan.scan import Geometry, Scan

__all__ = [
    "Derivation",
    "Geometry",
    "Scan",
    "atomic_output",
    "check_output",
    "read_scan",
    "write_scan",
]

_HOME = {
    "Derivation": "derivation",
    "Geometry": "scan",
    "Scan": "scan",
    "atomic_output": "atomic",
    "check_output": "io",
    "read_scan": "io",
    "write_scan": "io",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'mitsgan.scan' has no attribute {name!r}")
    return getattr(import_module(f"mitsgan.scan.{_HOME[name]}"), name)
