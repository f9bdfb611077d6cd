"""Whether a position lies outside the body: without a model, from the voxels around it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

AIR_BELOW_HU = -940.0
"""Means below this are air around the body, or padding: aerated lung is denser."""

_STRIP_MM = 3.0
"""Width of the strips that are averaged, so that noise does not look like tissue."""


def is_outside_body(
    hu: NDArray[np.float32], spacing: Sequence[float], position: Sequence[int]
) -> bool:
    """Whether nothing but air lies between a voxel and one of the four edges of its slice.

    Lung is air too, but the chest wall stands between it and the edge. In a scan that is cut
    off inside the lung its density tells it from air.

    Args:
        hu: ``[z, y, x]``.
        spacing: mm ``[z, y, x]``.
        position: voxel ``[z, y, x]`` of the scan.
    """
    z, y, x = position
    high, wide = (max(1, round(_STRIP_MM / 2 / s)) for s in spacing[1:])
    row = hu[z, max(y - high, 0) : y + high + 1].mean(0) < AIR_BELOW_HU
    column = hu[z, :, max(x - wide, 0) : x + wide + 1].mean(1) < AIR_BELOW_HU
    ways = (row[: x + 1], row[x:], column[: y + 1], column[y:])
    return any(bool(way.all()) for way in ways)
