"""What a CT scan is, and how it gets in and out."""

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
