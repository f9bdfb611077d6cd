"""Where the body is, without a learned model: its box, its mask, and what lies outside it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import SimpleITK as sitk  # noqa: N813 - its own habit
from numpy.typing import NDArray

from mitsgan.anatomy.mask import Box, CoarseMask, coarse_hu, coarse_stride, most_of_nine
from mitsgan.errors import ScanError
from mitsgan.scan.once import once_per_scan
from mitsgan.scan.scan import Scan

AIR_BELOW_HU = -940.0
"""Means below this are air around the body, or padding: aerated lung is denser."""

_COARSE_MM = 3.0
"""Step of the body's mask, and side of the squares that are averaged, so that noise does not
look like tissue."""


_BOX_HU = -300.0
_PICK = 4
"""The body's box is looked for on every fourth voxel: it is cheap, and right to so many."""

_THIN = 0.05
"""Rows and columns with less than this part of the fullest one's tissue hold the table's edge."""

_BODY_ABOVE_HU = -400.0
_SMALLEST_BODY_ML = 200.0


@once_per_scan
def body_box(scan: Scan) -> Box:
    """Rows and columns that hold the body (and the table) in any slice; the rest is air.

    Of the whole scan, so that slabs agree. All rows and columns where there is no tissue.
    """
    picked = scan.stored[::_PICK, ::_PICK, ::_PICK]
    slope, intercept = (v[::_PICK, None, None] for v in (scan.slope, scan.intercept))
    tissue = picked > (_BOX_HU - intercept) / slope
    rows, columns = (
        _reach(np.asarray(tissue.sum(axes)), n)
        for axes, n in zip(((0, 2), (0, 1)), scan.shape[1:], strict=True)
    )
    return rows, columns


def _reach(counts: NDArray[np.int64], length: int) -> slice:
    thick = np.flatnonzero(counts > _THIN * counts.max())
    if not len(thick):
        return slice(0, length)
    return slice(int(thick[0]) * _PICK, min((int(thick[-1]) + 1) * _PICK, length))


def grown(part: slice, margin: int, multiple: int, length: int) -> slice:
    """A slice with ``margin`` on both sides, then to multiples of ``multiple``, in 0:``length``."""
    low = (part.start - margin) // multiple * multiple
    high = -(-(part.stop + margin) // multiple) * multiple
    return slice(max(low, 0), min(high, length))


@once_per_scan
def find_body(scan: Scan) -> CoarseMask:
    """The body with its lungs, without table and air around it.

    The largest piece of tissue (above -400 HU) on a 3 mm grid, opened by one coarse voxel, which
    takes the table off, and filled slice by slice.

    Raises:
        ScanError: there is no piece of tissue of at least 200 ml.
    """
    stride = coarse_stride(scan.spacing, _COARSE_MM)
    tissue = most_of_nine(coarse_hu(scan, stride) > _BODY_ABOVE_HU)
    image = sitk.GetImageFromArray(tissue.astype(np.uint8))
    opened = sitk.BinaryMorphologicalOpening(image, (1, 1, 0))
    largest = sitk.RelabelComponent(sitk.ConnectedComponent(opened)) == 1
    body = sitk.GetArrayFromImage(largest) > 0
    millilitres = body.sum() * float(np.prod(np.multiply(scan.spacing, stride))) / 1000
    if millilitres < _SMALLEST_BODY_ML:
        raise ScanError(
            "found no body in the scan (no connected tissue above "
            f"{_BODY_ABOVE_HU:.0f} HU of at least {_SMALLEST_BODY_ML:.0f} ml); give a CT in HU"
        )
    for number, outline in enumerate(body):
        filled = sitk.BinaryFillhole(sitk.GetImageFromArray(outline.astype(np.uint8)))
        body[number] = sitk.GetArrayFromImage(filled) > 0
    return CoarseMask(body, stride)


def is_outside_body(
    hu: NDArray[np.float32], spacing: Sequence[float], position: Sequence[int]
) -> bool:
    """Whether a voxel lies in air that reaches an edge of its slice.

    Lung is air too, but the chest wall stands between it and the edge. In a scan that is cut
    off inside the lung its density tells it from air.

    Args:
        hu: ``[z, y, x]``.
        spacing: mm ``[z, y, x]``.
        position: voxel ``[z, y, x]`` of the scan.
    """
    z, y, x = (int(p) for p in position)
    height, width = (
        min(max(1, round(_COARSE_MM / s)), n)
        for s, n in zip(spacing[1:], hu.shape[1:], strict=True)
    )
    top, left = y // height * height, x // width * width
    if not hu[z, top : top + height, left : left + width].mean() < AIR_BELOW_HU:
        return False
    air = _means(hu[z], height, width) < AIR_BELOW_HU
    seed = (min(x // width, air.shape[1] - 1), min(y // height, air.shape[0] - 1))
    image = sitk.GetImageFromArray(air.astype(np.uint8))
    reached = sitk.GetArrayFromImage(sitk.ConnectedThreshold(image, [seed], lower=1))
    return bool(reached[[0, -1]].any() or reached[:, [0, -1]].any())


def _means(values: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """Means of whole rectangles of ``height x width``; what is left over at the far side counts
    for nothing.
    """
    rows, columns = (n // size for n, size in zip(values.shape, (height, width), strict=True))
    whole = values[: rows * height, : columns * width]
    means: NDArray[np.float32] = whole.reshape(rows, height, columns, width).mean((1, 3))
    return means
