"""Where a codec or a filter took the mark unevenly: what tells it from paint.

A lossy codec or a smoothing filter takes the finest detail of quiet places, leaves it at edges, and
the mark goes with it. In a scan that nothing wore down, a place without fine detail is paint, and
no less of the mark is expected there. So the whole scan is asked first whether it is worn.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mitsgan.mark.sliding import tiles
from mitsgan.mark.windows import window

DETAILS = 13
"""Classes of fine detail."""

_FLATTEST, _DETAIL_STEP = -8, 1.5
"""The first of them, and how many there are to a power of two."""

_CELL_MM = 40.0
_FLAT, _FEW, _EVERYWHERE = 0.25, 1e-3, 0.5
"""A block with less than this share of the noise around is flat. A scan is worn if in more than
half of its cells of 40 mm more than a few blocks are flat,"""
_LEFT = 0.75
"""and if less than this share of the mark is left in them."""

_CLEAR = 16.0
_HOLE, _HOLE_SCORE, _HOLES = 0.2, 4.0, 2
"""A cell of one slice is a hole if less of the mark is left in it, by this share and this score,
than before and behind it: paint reaches over slices. With holes in so many slices it is wear."""

_TRUST = 0.3
"""How far, before it was measured, the share left of the mark in a class of detail is taken to lie
from that in its whole class of tissue and noise."""

Cells = NDArray[np.float32]
Mask = NDArray[np.bool_]


def is_flat_everywhere(
    detail: Cells, products: Cells, expected: Cells, body: Mask, spacing: tuple[float, float, float]
) -> bool:
    """Whether fine detail is missing all over the body, and the mark with it.

    Some scans are smooth in quiet places before anything is marked: there, the mark is whole.

    Args:
        detail: the noise of every block, as a share of that around.
        products, expected: see `mitsgan.mark.find.expected.Evidence`.
        body: which blocks count.
        spacing: of the voxels, mm ``[z, y, x]``.
    """
    cell = window(_CELL_MM, spacing)
    flat = body & (detail < np.float32(_FLAT))
    blocks, bare = tiles(body, cell), tiles(flat, cell)
    left, whole = (tiles(part, cell, flat) for part in (products, expected))
    full = blocks > blocks.max() / 3
    found = full & (bare > _FEW * blocks) & (whole > 0)
    if np.count_nonzero(found) <= _EVERYWHERE * np.count_nonzero(full):
        return False
    # Half of the cells decide, so that smooth paint in some of them does not.
    return float(np.median(left[found] / whole[found])) < _LEFT


def has_holes(
    products: Cells,
    variances: Cells,
    expected: Cells,
    marked: Mask,
    spacing: tuple[float, float, float],
) -> bool:
    """Whether the mark is missing in single slices here and there.

    Args:
        products, variances, expected: see `mitsgan.mark.find.expected.Evidence`.
        marked: ``[z]``, slices that carry the mark.
        spacing: of the voxels, mm ``[z, y, x]``.
    """
    _, high, wide = window(_CELL_MM, spacing)
    t, v, m = (tiles(part, (1, high, wide)) for part in (products, variances, expected))
    told = (m > _CLEAR) & marked[:, None, None]
    np.maximum(m, np.float32(_CLEAR), out=m)
    left, error = t / m, np.maximum(v, m) / np.square(m)
    fewer = np.minimum(left[:-2], left[2:]) - left[1:-1]
    limit = _HOLE_SCORE * np.sqrt(error[1:-1] + np.maximum(error[:-2], error[2:]))
    hole = (fewer > np.maximum(limit, _HOLE)) & told[1:-1] & told[:-2] & told[2:]
    return int(np.count_nonzero(hole.any((1, 2)))) >= _HOLES


def by_detail(detail: Cells, kind: NDArray[np.int16]) -> NDArray[np.int16]:
    """Every class in `DETAILS` parts, by how much fine detail a block has.

    Args:
        detail: the noise of every block, as a share of that around.
        kind: classes.
    """
    level = np.log2(np.maximum(detail, np.float32(1e-3)))
    level *= np.float32(_DETAIL_STEP)
    np.rint(level, out=level)
    np.clip(level, _FLATTEST, _FLATTEST + DETAILS - 1, out=level)
    level -= _FLATTEST
    parts: NDArray[np.int16] = kind * np.int16(DETAILS)
    parts += level.astype(np.int16)
    return parts


def between(
    usual: NDArray[np.float64],
    total: NDArray[np.float64],
    power: NDArray[np.float64],
    variance: NDArray[np.float64],
) -> NDArray[np.float64]:
    """What is left of the mark in parts of classes: between usual and measured, by certainty.

    Args:
        usual: of the class that a part belongs to, HU per HU of strength.
        total, power, variance: sums of the part: ``total / power`` is what was measured.
    """
    sure = np.square(_TRUST * usual * power) / np.maximum(variance, 1e-12)
    measured = total / np.maximum(usual * power, 1e-12)
    return np.asarray(usual * np.maximum((sure * measured + 1) / (sure + 1), 0))
