"""How much mark to expect where: learnt from the scan under test, so that no original is needed.

A mark survives compression, noise or blur better in some places than in others: mostly it is the
local noise that decides, and the tissue. So blocks are sorted into classes by both, and what is
left of the mark is measured per class, over the whole scan. A place is then judged against its
own class.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mitsgan.mark.strength import BLOCK
from mitsgan.mark.windows import sliding_sums, window

Cells = NDArray[np.float32]
"""One value per slice and block, ``[z, y, x]``."""

AIR_HU = -950.0
"""Blocks below are air, inside or outside the body: nobody paints there, and little is marked."""

_TISSUES_HU = (-500.0, -150.0, 200.0)
_NOISE_CLASSES = 12
_VOXELS = BLOCK * BLOCK
_SEEN = 4.0
_QUIETEST = 0.2
_JUDGED_MM = 24.0


@dataclass(frozen=True)
class Evidence:
    """The matched filter's sums, to be added up over any window.

    With ``t``, ``v`` and ``m`` added up over a window, ``t / sqrt(v)`` is N(0, 1) where there is
    no mark, whatever the image; where the mark is, it is about N(m / sqrt(v), 1).

    Attributes:
        products: the weighted residual times the signs.
        variances: of the products, had the signs nothing to do with the scan.
        expected: what the products are where the mark is.
        body: which blocks are not air.
        survived_hu: RMS of what is left of the mark over the body.
    """

    products: Cells
    variances: Cells
    expected: Cells
    body: NDArray[np.bool_]
    survived_hu: float


def slice_scores(products: Cells, squares: Cells, means: Cells) -> NDArray[np.float64]:
    """A first z-score per slice, every block weighted by its own noise."""
    noise, _ = _noise(squares, means > AIR_HU)
    weight = (means > AIR_HU) / noise
    total = (weight * products).sum((1, 2), dtype=np.float64)
    variance = (np.square(weight) * squares).sum((1, 2), dtype=np.float64)
    return np.asarray(total / np.sqrt(np.maximum(variance, 1e-12)))


def weigh(
    products: Cells,
    squares: Cells,
    means: Cells,
    marked: NDArray[np.bool_],
    spacing: tuple[float, float, float],
) -> Evidence:
    """Expected mark and best weights for every block.

    Args:
        products: residual times signs, summed per block.
        squares: residual squared, summed per block.
        means: HU per block.
        marked: ``[z]``, slices that carry the mark: what is expected is learnt from them.
        spacing: of the voxels, mm ``[z, y, x]``.
    """
    body = means > AIR_HU
    noise, median = _noise(squares, body)
    kind = _classes(noise, median, means)
    learn = body & marked[:, None, None]
    evidence = _weighted(products, squares, noise, kind, body, learn)
    # What was repainted must not lower what is expected: learn again, without it.
    side = window(_JUDGED_MM, spacing)
    t, m = (sliding_sums(a, side) for a in (evidence.products, evidence.expected))
    good = m > 0
    if good.any():
        kept = t > 0.5 * float(np.median(t[good] / m[good])) * m
        learn &= kept | ~good
    return _weighted(products, squares, noise, kind, body, learn)


def _noise(squares: Cells, body: NDArray[np.bool_]) -> tuple[Cells, float]:
    """Variance of the residual per voxel, over 3 x 3 blocks, and its usual level in the body."""
    noise = sliding_sums(squares, (1, 3, 3)) / np.float32(9 * _VOXELS)
    inside = noise[body & (noise > 0)]
    median = float(np.median(inside)) if inside.size else 1.0
    # A block without any noise must not outweigh all others.
    return np.maximum(noise, np.float32(_QUIETEST**2 * median)), median


def _classes(noise: Cells, median: float, means: Cells) -> NDArray[np.int16]:
    level = np.log2(noise * np.float32(1 / median))
    level += np.float32(_NOISE_CLASSES / 2)
    np.clip(level, 0, _NOISE_CLASSES - 1, out=level)
    kind: NDArray[np.int16] = level.astype(np.int16)
    for limit in _TISSUES_HU:
        kind += np.int16(_NOISE_CLASSES) * (means > limit)
    return kind


def _weighted(
    products: Cells,
    squares: Cells,
    noise: Cells,
    kind: NDArray[np.int16],
    body: NDArray[np.bool_],
    learn: NDArray[np.bool_],
) -> Evidence:
    count = _NOISE_CLASSES * (len(_TISSUES_HU) + 1)
    chosen, inverse = kind[learn], 1 / noise[learn]
    total = np.bincount(chosen, products[learn] * inverse, count)
    voxels = np.bincount(chosen, inverse, count) * _VOXELS
    variance = np.bincount(chosen, squares[learn] * np.square(inverse), count)
    seen = total > _SEEN * np.sqrt(variance)
    mark = np.where(seen, total / np.maximum(voxels, 1e-12), 0).astype(np.float32)
    expected = mark[kind]
    weight = expected / noise
    weight *= body
    blocks = max(int(np.count_nonzero(body)), 1)
    survived = float(np.sqrt((np.square(expected) * body).sum(dtype=np.float64) / blocks))
    return Evidence(
        weight * products,
        np.square(weight) * squares,
        weight * expected * np.float32(_VOXELS),
        body,
        survived,
    )
