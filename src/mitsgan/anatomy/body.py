"""Whether a position lies outside the body: without a model, from the voxels of its slice."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import SimpleITK as sitk  # noqa: N813 - its own habit
from numpy.typing import NDArray

AIR_BELOW_HU = -940.0
"""Means below this are air around the body, or padding: aerated lung is denser."""

_COARSE_MM = 3.0
"""Side of the squares that are averaged, so that noise does not look like tissue."""


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
