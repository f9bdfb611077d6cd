"""How much of its strength a pattern has in each voxel of aerated lung, and none outside of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mitsgan.anatomy.lung import find_lung
from mitsgan.anatomy.mask import Box, CoarseMask
from mitsgan.errors import ScanError
from mitsgan.scan.once import once_per_scan
from mitsgan.scan.scan import AIR_HU, Scan

_FULL_HU, _NONE_HU = -600.0, -450.0
"""Full strength below the first, nothing above the second: vessels and walls stay as they are."""

_AROUND_MM = 4.0
"""The lung is found on a grid of 3 mm."""


@once_per_scan
def around_lung(scan: Scan) -> tuple[CoarseMask, Box] | None:
    """Where the lungs are, and the rows and columns that hold them; None without any."""
    try:
        mask = find_lung(scan).with_around(_AROUND_MM, scan.spacing)
    except ScanError:
        return None
    return mask, mask.box(scan.shape[1:])


def strength(scan: Scan, z: int, mask: CoarseMask, box: Box) -> NDArray[np.float32]:
    """``[y, x]`` in 0 to 1: 1 in aerated lung, 0 in vessels, walls and all else.

    Args:
        scan: the scan.
        z: which slice.
        mask, box: see `around_lung`.
    """
    part: NDArray[np.float32] = scan.hu(z, z + 1, box)[0]
    if not scan.is_integer:
        np.nan_to_num(part, copy=False, nan=AIR_HU, posinf=AIR_HU, neginf=AIR_HU)
    np.subtract(_NONE_HU, part, out=part)
    part /= _NONE_HU - _FULL_HU
    np.clip(part, 0, 1, out=part)
    part *= mask.slice(z, scan.shape[1:], box)
    return part
