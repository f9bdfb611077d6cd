"""Where the lungs are, without a learned model: air inside the body, of the density of lung."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk  # noqa: N813 - its own habit
from numpy.typing import NDArray

from mitsgan.anatomy.mask import (
    CoarseMask,
    Triple,
    coarse_hu,
    coarse_image,
    coarse_stride,
    most_of_nine,
)
from mitsgan.errors import ScanError
from mitsgan.scan.once import once_per_scan
from mitsgan.scan.scan import Scan

_COARSE_MM = 3.0
_BOX_MM = 6.0
_AIR_BELOW_HU = -400.0
_LUNG_MEAN_HU = (-960.0, -500.0)
_SMALLEST_ML = 40.0
_BALL = np.zeros((3, 5, 5), bool)
"""Coarse voxels; two in plane and one across."""
_BALL[:, 1:4, 1:4] = _BALL[1, 1:4] = _BALL[1, :, 1:4] = True


@dataclass(frozen=True, eq=False)
class Lung(CoarseMask):
    """Where the lungs are, with vessels and nodules in them."""


@once_per_scan
def find_lung(scan: Scan, coarse_mm: float = _COARSE_MM) -> Lung:
    """Find the lungs of a chest CT; once per scan.

    Air (below -400 HU) that does not reach the sides of the image, in pieces of at least 40 ml
    whose mean density is that of lung (-960 to -500 HU); vessels and nodules are closed over.

    Args:
        scan: is looked at on every voxel that about ``coarse_mm`` lie between.
        coarse_mm: spacing of the mask.

    Raises:
        ScanError: there is no lung in the scan.
    """
    mask, stride = _air_in_body(scan, coarse_mm)
    return Lung(_closed(mask), stride)


def lung_box(scan: Scan, margin_mm: float) -> tuple[slice, slice, slice] | None:
    """Slices, rows and columns that hold the lungs and ``margin_mm`` around; None without a lung.

    Found coarsely: cheap, and right to about a centimetre.
    """
    try:  # what closing adds lies between the lungs, and takes half of the time
        mask, stride = _air_in_body(scan, _BOX_MM)
    except ScanError:
        return None
    reach = []
    for axis in range(3):
        others = tuple(a for a in range(3) if a != axis)
        where = np.flatnonzero(mask.any(others)) * stride[axis]
        margin = math.ceil(margin_mm / scan.spacing[axis]) + stride[axis]
        low, high = int(where[0]) - margin, int(where[-1]) + margin + 1
        reach.append(slice(max(low, 0), min(high, scan.shape[axis])))
    z, y, x = reach
    return z, y, x


def _air_in_body(scan: Scan, coarse_mm: float) -> tuple[NDArray[np.bool_], Triple]:
    """The lungs without vessels and nodules, and how many voxels lie between those looked at."""
    stride = coarse_stride(scan.spacing, coarse_mm)
    picked = coarse_hu(scan, stride)
    air = most_of_nine(picked < _AIR_BELOW_HU)
    pieces = sitk.ConnectedComponent(coarse_image(air, stride, scan.spacing))
    labels = sitk.GetArrayFromImage(pieces)
    piece = labels[air]
    voxels = np.bincount(piece, minlength=1)
    mean = np.bincount(piece, picked[air], 1) / np.maximum(voxels, 1)
    low, high = _LUNG_MEAN_HU
    smallest = _SMALLEST_ML * 1000 / float(np.prod(np.multiply(scan.spacing, stride)))
    chosen = (voxels >= smallest) & (low < mean) & (mean < high)
    for outside in (0, labels[:, [0, -1]], labels[:, :, [0, -1]]):
        chosen[outside] = False
    mask = chosen[labels]
    if not mask.any():
        raise ScanError(
            "found no lung in the scan (no piece of at least "
            f"{_SMALLEST_ML:.0f} ml inside the body with a mean of {low:.0f} to {high:.0f} HU); "
            "give a chest CT, or name positions yourself"
        )
    return mask, stride


def _closed(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Closed by `_BALL`; what lies beyond the sides plays no part."""
    rim = [(n - 1, n - 1) for n in _BALL.shape]
    wide = np.pad(mask, rim)
    grown = ~_eroded(~wide)
    return _eroded(grown)


def _eroded(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Where the whole ball around a voxel is in it; smaller by its radius on every side."""
    sides = [n - b + 1 for n, b in zip(mask.shape, _BALL.shape, strict=True)]
    left = np.ones(sides, bool)
    for place in np.argwhere(_BALL):
        left &= mask[tuple(slice(p, p + n) for p, n in zip(place, sides, strict=True))]
    return left
