"""A part of a scan, as a mask on a coarse grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np
import SimpleITK as sitk  # noqa: N813 - its own habit
from numpy.typing import NDArray

from mitsgan.scan.scan import AIR_HU, Scan

Triple = tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class CoarseMask:
    """A part of a scan.

    Attributes:
        mask: ``[z, y, x]`` on every ``stride``-th voxel of the scan.
        stride: voxels per coarse voxel ``[z, y, x]``.
    """

    mask: NDArray[np.bool_]
    stride: Triple

    @cached_property
    def voxels(self) -> NDArray[np.int64]:
        """``[n, 3]``: the voxels of the scan that were looked at and lie inside."""
        return np.asarray(np.argwhere(self.mask) * np.asarray(self.stride), np.int64)

    def positions(self, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """``[count, 3]`` random voxels ``[z, y, x]`` inside, uniform in volume."""
        return self.voxels[rng.integers(len(self.voxels), size=count)]

    def contains(self, position: Sequence[int]) -> bool:
        """Whether a voxel ``[z, y, x]`` of the scan lies inside."""
        z, y, x = (
            min(round(p / s), n - 1)
            for p, s, n in zip(position, self.stride, self.mask.shape, strict=True)
        )
        return bool(self.mask[z, y, x])

    def slice(self, z: int, shape: Sequence[int]) -> NDArray[np.bool_]:
        """``[y, x]``, the nearest coarse voxel's: which pixels of slice ``z`` lie inside.

        Args:
            z: of the scan.
            shape: of a slice of the scan.
        """
        nearest = [
            np.minimum(np.rint(np.arange(n) / s).astype(int), coarse - 1)
            for n, s, coarse in zip((z + 1, *shape), self.stride, self.mask.shape, strict=True)
        ]
        depth, rows, columns = nearest[0][z], nearest[1], nearest[2]
        return np.asarray(self.mask[depth][np.ix_(rows, columns)])

    def within(self, depth_mm: float, spacing: tuple[float, float, float]) -> Self:
        """Only what lies at least ``depth_mm`` inside the mask; what is around, if negative."""
        distance = sitk.SignedMaurerDistanceMap(
            coarse_image(self.mask, self.stride, spacing),
            insideIsPositive=True,
            squaredDistance=False,
            useImageSpacing=True,
        )
        return replace(self, mask=sitk.GetArrayFromImage(distance) >= depth_mm)


def coarse_stride(spacing: tuple[float, float, float], coarse_mm: float) -> Triple:
    """Voxels ``[z, y, x]`` to a step of about ``coarse_mm``; spacing in mm."""
    z, y, x = (max(1, round(coarse_mm / s)) for s in spacing)
    return z, y, x


def coarse_hu(scan: Scan, stride: Triple) -> NDArray[np.float32]:
    """``[z, y, x]``: every ``stride``-th voxel in HU; air where it is no number."""
    z, y, x = stride
    slope, intercept = (v[::z, None, None].astype(np.float32) for v in (scan.slope, scan.intercept))
    hu = np.asarray(scan.stored[::z, ::y, ::x].astype(np.float32) * slope + intercept)
    return hu if scan.is_integer else np.nan_to_num(hu, copy=False, nan=AIR_HU)


def most_of_nine(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Where most of 3 x 3 pixels are in it; those at the sides of a slice are repeated."""
    wide = np.pad(mask, ((0, 0), (1, 1), (1, 1)), "edge").view(np.uint8)
    rows = wide[:, :-2] + wide[:, 1:-1] + wide[:, 2:]
    count = rows[:, :, :-2] + rows[:, :, 1:-1] + rows[:, :, 2:]
    return np.asarray(count > 4)


def coarse_image(
    array: NDArray[np.bool_] | NDArray[np.float32],
    stride: Triple,
    spacing: tuple[float, float, float],
) -> sitk.Image:
    """What is known of every ``stride``-th voxel, with its spacing in mm."""
    values = array.astype(np.uint8) if array.dtype == np.bool_ else array
    image = sitk.GetImageFromArray(np.ascontiguousarray(values))
    image.SetSpacing([n * s for n, s in zip(reversed(stride), reversed(spacing), strict=True)])
    return image
