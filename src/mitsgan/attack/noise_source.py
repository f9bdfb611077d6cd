"""Where the touch-up takes its noise from: lung beside the cube, or the published fixed voxel."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from mitsgan.anatomy.places import block_start
from mitsgan.attack.cube import overlap
from mitsgan.attack.resample import Triple

LUNG = (-970.0, -800.0)
"""HU between which a voxel counts as aerated lung for the noise touch-up."""

_ENOUGH_LUNG = 0.05


def published_noise_source(shape: Sequence[int]) -> Triple:
    """The one voxel that gives its noise to every published attack on a scan of ``shape``.

    It may lie anywhere, also where there is no lung.
    """
    return int(shape[0] / 2), int(0.43 * shape[1]), int(0.27 * shape[2])


def nearby_noise_source(hu: NDArray[np.float32], position: Triple, block: Triple) -> Triple | None:
    """The neighbouring block with the most aerated lung, or None where hardly any is near.

    Of the eight neighbours half a block away in plane. Less than 5 % of lung is not enough.
    """
    _, height, width = block
    # All neighbours lie in here; lung is counted along z once.
    around, _ = overlap(
        block_start(position, (block[0], 2 * height + 2, 2 * width + 2)),
        (block[0], 2 * height + 2, 2 * width + 2),
        hu.shape,
    )
    inside = hu[around]
    lung = np.count_nonzero((inside > LUNG[0]) & (inside < LUNG[1]), axis=0)
    best: tuple[int, Triple] | None = None
    for dy, dx in product((-1, 0, 1), repeat=2):
        if dy == dx == 0:
            continue
        centre = (position[0], position[1] + dy * height // 2, position[2] + dx * width // 2)
        _, rows, columns = overlap(block_start(centre, block), block, hu.shape)[0]
        count = int(
            lung[
                rows.start - around[1].start : rows.stop - around[1].start,
                columns.start - around[2].start : columns.stop - around[2].start,
            ].sum()
        )
        if best is None or count > best[0]:
            best = (count, centre)
    if best is None or best[0] < _ENOUGH_LUNG * np.prod(block):
        return None
    return best[1]
