"""A part of a scan, as a mask on a coarse grid."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from typing import Self

import numpy as np
import SimpleITK as sitk  # noqa: N813 - its own habit
from numpy.typing import NDArray

from mitsgan.scan.scan import AIR_HU, Scan

Triple = tuple[int, int, int]
Box = tuple[slice, slice]
"""Rows and columns."""

WHOLE: Box = (slice(None), slice(None))


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

    def slice(self, z: int, shape: Sequence[int], box: Box = WHOLE) -> NDArray[np.bool_]:
        """``[y, x]``, the nearest coarse voxel's: which pixels of slice ``z`` lie inside.

        Args:
            z: of the scan.
            shape: of a slice of the scan.
            box: rows and columns of it.
        """
        depth = self._nearest(0, z + 1)[z]
        rows, columns = (
            self._nearest(axis, n)[part] for axis, n, part in zip((1, 2), shape, box, strict=True)
        )
        return np.asarray(self.mask[depth].take(columns, 1).take(rows, 0))

    def box(self, shape: Sequence[int]) -> Box:
        """Rows and columns of slices of that shape outside of which no pixel lies inside."""
        rows, columns = (
            np.flatnonzero(np.asarray(self.mask.any((0, 3 - axis)))[self._nearest(axis, n)])
            for axis, n in zip((1, 2), shape, strict=True)
        )
        if not len(rows):
            return slice(0, 0), slice(0, 0)
        return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)

    def _nearest(self, axis: int, length: int) -> NDArray[np.int64]:
        """The coarse voxel that is nearest to each of ``length`` voxels of an axis."""
        nearest = np.rint(np.arange(length) / self.stride[axis]).astype(np.int64)
        return np.asarray(np.minimum(nearest, self.mask.shape[axis] - 1))

    def within(self, depth_mm: float, spacing: tuple[float, float, float]) -> Self:
        """Only what lies at least ``depth_mm`` inside the mask."""
        distance = sitk.SignedMaurerDistanceMap(
            coarse_image(self.mask, self.stride, spacing),
            insideIsPositive=True,
            squaredDistance=False,
            useImageSpacing=True,
        )
        return replace(self, mask=sitk.GetArrayFromImage(distance) >= depth_mm)

    def with_around(self, reach_mm: float, spacing: tuple[float, float, float]) -> Self:
        """The mask and what lies at most ``reach_mm`` from a coarse voxel of it.

        By shifts, of which there are few where that is hardly more than a coarse voxel.
        """
        steps = [n * s for n, s in zip(self.stride, spacing, strict=True)]
        most = [int(reach_mm / step + 1e-6) for step in steps]
        wide = np.pad(self.mask, [(n, n) for n in most])
        around = self.mask.copy()
        for shift in product(*(range(-n, n + 1) for n in most)):
            distance = math.hypot(*(n * step for n, step in zip(shift, steps, strict=True)))
            if np.float32(distance) <= reach_mm:
                around |= wide[
                    tuple(
                        slice(m + n, m + n + length)
                        for m, n, length in zip(most, shift, self.mask.shape, strict=True)
                    )
                ]
        return replace(self, mask=around)


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
