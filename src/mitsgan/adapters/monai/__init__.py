"""Transforms for MONAI: protect and verify, and what robustness is tested against.

They take and give `MetaTensor` of one channel, ``[1, x, y, z]``, in HU, in any orientation. Affine,
metadata and applied operations stay as they are: nothing here moves a voxel to another place, so a
pipeline can be inverted through it.
"""

from mitsgan.adapters.monai.images import image_of_scan, scan_of_image
from mitsgan.adapters.monai.protect import Protectd, Verifyd
from mitsgan.adapters.monai.robustness import Purifyd, Tamperd

__all__ = ["Protectd", "Purifyd", "Tamperd", "Verifyd", "image_of_scan", "scan_of_image"]
