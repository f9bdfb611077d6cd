"""Where a codec or a filter took the mark unevenly: what tells it from paint.

A lossy codec or a smoothing filter takes the finest detail of quiet places, leaves it at edges, and
the mark goes with it. In a scan that nothing wore down, a place without fine detail is paint, and
no less of the mark is expected there. So the whole scan is asked first whether it is worn.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mitsgan.mark.find.noise import Cells, Mask
from mitsgan.mark.find.settings import Detector
from mitsgan.mark.sliding import tiles
from mitsgan.mark.windows import window


def worn_flat(
    detail: Cells,
    products: Cells,
    expected: Cells,
    body: Mask,
    spacing: tuple[float, float, float],
    settings: Detector,
) -> float:
    """How far fine detail is missing all over the body, and the mark with it: 0 to 1.

    Some scans are smooth in quiet places before anything is marked: there, the mark is whole. What
    is missing is told as a share of all that is expected around, so that a few flat blocks, which
    say little of how much of their own mark is left, weigh little.

    Args:
        detail: the noise of every block, as a share of that around.
        products, expected: see `mitsgan.mark.find.expected.Evidence`.
        body: which blocks count.
        spacing: of the voxels, mm ``[z, y, x]``.
        settings: of the detector.
    """
    cell = window(settings.wear_cell_mm, spacing)
    flat = body & (detail < np.float32(settings.flat_share))
    blocks, flat_blocks = tiles(body, cell), tiles(flat, cell)
    left, whole = (tiles(part, cell, flat) for part in (products, expected))
    full = blocks > blocks.max() * settings.full_cell
    if not full.any():
        return 0.0
    missing = np.float32(settings.worn_left) * whole - left
    missing *= flat_blocks > settings.few_flat * blocks
    missing /= np.maximum(tiles(expected, cell), np.float32(1e-6))
    # Paint is in few cells, wear in most of them.
    usual = float(np.quantile(missing[full], 1 - settings.worn_cells))
    return min(max(usual / settings.worn_missing, 0.0), 1.0)


def worn_holes(
    products: Cells,
    variances: Cells,
    expected: Cells,
    marked: Mask,
    spacing: tuple[float, float, float],
    settings: Detector,
) -> float:
    """How surely the mark is missing in single slices here and there: 0 to 1.

    Args:
        products, variances, expected: see `mitsgan.mark.find.expected.Evidence`.
        marked: ``[z]``, slices that carry the mark.
        spacing: of the voxels, mm ``[z, y, x]``.
        settings: of the detector.
    """
    _, high, wide = window(settings.wear_cell_mm, spacing)
    t, v, m = (tiles(part, (1, high, wide)) for part in (products, variances, expected))
    clear = (m > settings.wear_clear) & marked[:, None, None]
    np.maximum(m, np.float32(settings.wear_clear), out=m)
    left, error = t / m, np.maximum(v, m) / np.square(m)
    # Paint reaches over slices: a hole has more of the mark both before and behind it.
    fewer = np.minimum(left[:-2], left[2:]) - left[1:-1]
    score = fewer / np.sqrt(error[1:-1] + np.maximum(error[:-2], error[2:]))
    score *= fewer > settings.hole_share
    score *= clear[1:-1] & clear[:-2] & clear[2:]
    deepest = np.sort(score.max((1, 2), initial=0))[::-1]
    if len(deepest) < settings.holes:
        return 0.0
    low, high_score = settings.hole_scores
    return min(max((float(deepest[settings.holes - 1]) - low) / (high_score - low), 0.0), 1.0)


def by_detail(detail: Cells, kind: NDArray[np.int16], settings: Detector) -> NDArray[np.int16]:
    """Every class in parts, by how much fine detail a block has.

    Args:
        detail: the noise of every block, as a share of that around.
        kind: classes.
        settings: of the detector.
    """
    level = np.log2(np.maximum(detail, np.float32(1e-3)))
    level *= np.float32(settings.octave_classes)
    np.rint(level, out=level)
    first, count = settings.flattest_class, settings.detail_classes
    np.clip(level, first, first + count - 1, out=level)
    level -= first
    parts: NDArray[np.int16] = kind * np.int16(count)
    parts += level.astype(np.int16)
    return parts


def between(
    usual: NDArray[np.float64],
    total: NDArray[np.float64],
    power: NDArray[np.float64],
    variance: NDArray[np.float64],
    settings: Detector,
) -> NDArray[np.float64]:
    """What is left of the mark in parts of classes: between usual and measured, by certainty.

    Args:
        usual: of the class that a part belongs to, HU per HU of strength.
        total, power, variance: sums of the part: ``total / power`` is what was measured.
        settings: of the detector.
    """
    sure = np.square(settings.detail_trust * usual * power) / np.maximum(variance, 1e-12)
    measured = total / np.maximum(usual * power, 1e-12)
    return np.asarray(usual * np.maximum((sure * measured + 1) / (sure + 1), 0))
