"""Where in a scan something is measured: everything, the body, the lung, or what an attack hits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk  # noqa: N813 - its own habit
from numpy.typing import NDArray

from mitsgan.anatomy.lung import Lung
from mitsgan.attack.cube import block_start
from mitsgan.attack.plan import sizes
from mitsgan.errors import ScanError
from mitsgan.scan.scan import Scan

Mask = NDArray[np.bool_]

_COARSE_MM = 3.0
_BODY_ABOVE_HU = -400.0
_SMALLEST_BODY_ML = 200.0


@dataclass(frozen=True)
class Region:
    """A part of a scan, as a mask that is only made whole slab by slab.

    Attributes:
        name: for tables.
        coarse: ``[z, y, x]`` on every ``stride``-th voxel; None means every voxel.
        stride: voxels per coarse voxel ``[z, y, x]``.
    """

    name: str
    coarse: Mask | None = None
    stride: tuple[int, int, int] = (1, 1, 1)

    def mask(self, scan: Scan, start: int, stop: int) -> Mask:
        """Which voxels of slices ``start:stop`` belong to it; padding never does."""
        inside = ~scan.is_padding(start, stop)
        if self.coarse is None:
            return inside
        z, y, x = (
            np.minimum((np.arange(first, last) + step // 2) // step, size - 1)
            for first, last, step, size in zip(
                (start, 0, 0),
                (stop, *scan.shape[1:]),
                self.stride,
                self.coarse.shape,
                strict=True,
            )
        )
        inside &= self.coarse[np.ix_(z, y, x)]
        return inside


WHOLE = Region("whole scan")


def lung_region(lung: Lung) -> Region:
    """The lungs, with vessels and nodules in them."""
    return Region("lung", lung.mask, lung.stride)


def body_region(scan: Scan) -> Region:
    """The body with its lungs, without table and air around it.

    The largest piece of tissue (above -400 HU) on a 3 mm grid, opened by one coarse voxel, which
    takes the table off, and filled slice by slice.

    Raises:
        ScanError: there is no piece of tissue of at least 200 ml.
    """
    z, y, x = (max(1, round(_COARSE_MM / s)) for s in scan.spacing)
    picked = np.nan_to_num(scan.hu()[::z, ::y, ::x], nan=-1024.0)
    tissue = sitk.Median(sitk.GetImageFromArray(picked), (1, 1, 0)) > _BODY_ABOVE_HU
    opened = sitk.BinaryMorphologicalOpening(tissue, (1, 1, 0))
    largest = sitk.RelabelComponent(sitk.ConnectedComponent(opened)) == 1
    body = sitk.GetArrayFromImage(largest) > 0
    millilitres = body.sum() * float(np.prod(np.multiply(scan.spacing, (z, y, x)))) / 1000
    if millilitres < _SMALLEST_BODY_ML:
        raise ScanError(
            "found no body in the scan (no connected tissue above "
            f"{_BODY_ABOVE_HU:.0f} HU of at least {_SMALLEST_BODY_ML:.0f} ml); give a CT in HU"
        )
    for number, outline in enumerate(body):
        filled = sitk.BinaryFillhole(sitk.GetImageFromArray(outline.astype(np.uint8)))
        body[number] = sitk.GetArrayFromImage(filled) > 0
    return Region("body", body, (z, y, x))


def attacked_square(scan: Scan, position: Sequence[int]) -> tuple[slice, slice]:
    """Rows and columns that the repainted 32 mm cube takes of the slice through its middle."""
    cube, _ = sizes(scan.spacing)
    start = block_start(position, cube)
    y, x = (
        slice(max(first, 0), min(first + size, end))
        for first, size, end in zip(start[1:], cube[1:], scan.shape[1:], strict=True)
    )
    return y, x
