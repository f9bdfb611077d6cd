"""What a scan shows outside of what was sealed, where no cell of a sketch lies."""

from __future__ import annotations

from itertools import product

import numpy as np

from mitsgan.scan.scan import Scan
from mitsgan.seal.sketch.cells import CellGrid

_TISSUE_HU = -500.0
_LOOKED_AT = 256
"""Rows and columns, about, that are looked at."""


def tissue_beyond_ml(scan: Scan, grid: CellGrid) -> float:
    """Volume above -500 HU that lies more than a cell outside of the sealed scan, about.

    A scan that was turned or resampled may be larger than what was sealed, but has nothing to show
    there.
    """
    to_sealed = np.linalg.inv(grid.geometry.matrix)
    steps = scan.geometry.matrix @ to_sealed
    first = (np.asarray(scan.geometry.origin) - grid.geometry.origin) @ to_sealed
    low = -np.asarray(grid.cell)
    high = np.asarray(grid.shape) - 1 - low
    corners = first + np.array(list(product(*((0, n - 1) for n in scan.shape)))) @ steps
    if ((low <= corners) & (corners <= high)).all():
        return 0.0
    every = [max(1, n // _LOOKED_AT) for n in scan.shape[1:]]
    rows, columns = (np.arange(0, n, by) for n, by in zip(scan.shape[1:], every, strict=True))
    plane = first + rows[:, None, None] * steps[1] + columns[:, None] * steps[2]
    count = 0
    for z in range(scan.shape[0]):
        place = plane + z * steps[0]
        outside = ((place < low) | (place > high)).any(-1)
        if outside.any():
            tissue = scan.hu(z, z + 1)[0, :: every[0], :: every[1]] > _TISSUE_HU
            count += int(np.count_nonzero(tissue & outside))
    return count * float(np.prod(every)) * float(np.prod(scan.spacing)) / 1000
