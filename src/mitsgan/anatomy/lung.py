"""Where the lungs are, without a learned model: air inside the body, of the density of lung."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk  # noqa: N813 - its own habit
from numpy.typing import NDArray

from mitsgan.errors import ScanError
from mitsgan.scan.scan import Scan

_COARSE_MM = 3.0
_BOX_MM = 6.0
_AIR_BELOW_HU = -400.0
_LUNG_MEAN_HU = (-960.0, -500.0)
_SMALLEST_ML = 40.0


@dataclass(frozen=True)
class Lung:
    """A coarse lung mask.

    Attributes:
        mask: ``[z, y, x]`` on every ``stride``-th voxel of the scan.
        stride: voxels per coarse voxel ``[z, y, x]``.
    """

    mask: NDArray[np.bool_]
    stride: tuple[int, int, int]

    def positions(self, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """``[count, 3]`` random voxels ``[z, y, x]`` inside, uniform in volume."""
        coarse = np.argwhere(self.mask)
        chosen = coarse[rng.integers(len(coarse), size=count)]
        return np.asarray(chosen * np.asarray(self.stride), np.int64)

    def contains(self, position: Sequence[int]) -> bool:
        """Whether a voxel ``[z, y, x]`` of the scan lies inside."""
        z, y, x = (
            min(round(p / s), n - 1)
            for p, s, n in zip(position, self.stride, self.mask.shape, strict=True)
        )
        return bool(self.mask[z, y, x])

    def within(self, depth_mm: float, spacing: tuple[float, float, float]) -> Lung:
        """Only what lies at least ``depth_mm`` inside the mask."""
        image = _image(self.mask, self.stride, spacing)
        distance = sitk.SignedMaurerDistanceMap(
            image, insideIsPositive=True, squaredDistance=False, useImageSpacing=True
        )
        return Lung(sitk.GetArrayFromImage(distance) >= depth_mm, self.stride)


def find_lung(scan: Scan, coarse_mm: float = _COARSE_MM) -> Lung:
    """Find the lungs of a chest CT.

    Air (below -400 HU) that does not reach the sides of the image, in pieces of at least 40 ml
    whose mean density is that of lung (-960 to -500 HU); vessels and nodules are closed over.

    Args:
        scan: is looked at on every voxel that about ``coarse_mm`` lie between.
        coarse_mm: spacing of the mask.

    Raises:
        ScanError: there is no lung in the scan.
    """
    mask, stride = _air_in_body(scan, coarse_mm)
    closed = sitk.BinaryMorphologicalClosing(_image(mask, stride, scan.spacing), (2, 2, 1))
    return Lung(sitk.GetArrayFromImage(closed) > 0, stride)


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


def _air_in_body(scan: Scan, coarse_mm: float) -> tuple[NDArray[np.bool_], tuple[int, int, int]]:
    """The lungs without vessels and nodules, and how many voxels lie between those looked at."""
    stride = _stride(scan.spacing, coarse_mm)
    picked = _picked(scan, stride)
    hu = sitk.GetArrayFromImage(sitk.Median(_image(picked, stride, scan.spacing), (1, 1, 0)))
    pieces = sitk.ConnectedComponent(_image(hu < _AIR_BELOW_HU, stride, scan.spacing))
    labels = sitk.GetArrayFromImage(pieces)
    voxels = np.bincount(labels.ravel())
    mean = np.bincount(labels.ravel(), hu.ravel()) / np.maximum(voxels, 1)
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


def _stride(spacing: tuple[float, float, float], coarse_mm: float) -> tuple[int, int, int]:
    z, y, x = (max(1, round(coarse_mm / s)) for s in spacing)
    return z, y, x


def _picked(scan: Scan, stride: tuple[int, int, int]) -> NDArray[np.float32]:
    """Every ``stride``-th voxel in HU."""
    z, y, x = stride
    slope, intercept = (v[::z, None, None].astype(np.float32) for v in (scan.slope, scan.intercept))
    return np.asarray(scan.stored[::z, ::y, ::x].astype(np.float32) * slope + intercept)


def _image(
    array: NDArray[np.bool_] | NDArray[np.float32],
    stride: tuple[int, int, int],
    spacing: tuple[float, float, float],
) -> sitk.Image:
    held = array.astype(np.uint8) if array.dtype == np.bool_ else array
    image = sitk.GetImageFromArray(np.ascontiguousarray(held))
    image.SetSpacing([n * s for n, s in zip(reversed(stride), reversed(spacing), strict=True)])
    return image
