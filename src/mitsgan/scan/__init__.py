"""What a CT scan is; no file formats."""

from mitsgan.scan.scan import Geometry, Scan

__all__ = ["Geometry", "Scan"]
