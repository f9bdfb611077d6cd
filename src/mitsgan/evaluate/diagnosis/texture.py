"""Texture of the lung: features of the grey level co-occurrence matrix."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mitsgan.evaluate.metrics.regions import Region
from mitsgan.scan.scan import Scan

BIN_HU = 25
"""Width of a grey level."""

_LOW, _LEVELS = -1025, 57  # to 400 HU
_SLAB = 16
_DIRECTIONS = ((0, 1), (1, 0), (1, 1), (1, -1))


def cooccurrence(scan: Scan, where: Scan, region: Region) -> NDArray[np.float64]:
    """How often two grey levels are neighbours in the plane, ``[57, 57]``, summing to 1.

    Pixels one step apart in four directions, both inside the region, counted both ways; levels
    of 25 HU from -1025 to 400 HU, what is beyond belongs to the last.

    Args:
        scan: what is measured.
        where: the scan whose region it is.
        region: the lung.
    """
    counts = np.zeros(_LEVELS * _LEVELS, np.int64)
    for start in range(0, scan.shape[0], _SLAB):
        stop = min(start + _SLAB, scan.shape[0])
        mask = region.mask(where, start, stop)
        if mask.any():
            hu = np.nan_to_num(scan.hu(start, stop), nan=float(_LOW))
            levels = ((hu - _LOW) // BIN_HU).clip(0, _LEVELS - 1).astype(np.int64)
            for down, right in _DIRECTIONS:
                here, there = _shifted(down, right)
                both = mask[here] & mask[there]
                pairs = levels[here][both] * _LEVELS + levels[there][both]
                counts += np.bincount(pairs, minlength=len(counts))
    matrix = counts.reshape(_LEVELS, _LEVELS).astype(np.float64)
    matrix += matrix.T
    total = matrix.sum()
    return matrix / total if total else matrix


def texture_features(matrix: NDArray[np.float64]) -> dict[str, float]:
    """Features of a co-occurrence matrix that sums to 1.

    Returns:
        ``contrast`` (grey levels squared), ``correlation``, ``joint entropy`` (bits),
        ``angular second moment`` and ``inverse difference moment``, as the image biomarker
        standardisation initiative defines them.

    Source: Haralick et al., IEEE Trans. Systems, Man, and Cybernetics 3(6), 1973; Zwanenburg et
    al., Radiology 295(2), 2020.
    """
    level = np.arange(len(matrix), dtype=np.float64)
    apart = (level[:, None] - level) ** 2
    margin = matrix.sum(1)
    mean = float(margin @ level)
    variance = float(margin @ (level - mean) ** 2)
    product = float((level - mean) @ matrix @ (level - mean))
    filled = matrix[matrix > 0]
    return {
        "contrast": float((matrix * apart).sum()),
        "correlation": product / variance if variance else 1.0,
        "joint entropy": float(-(filled * np.log2(filled)).sum()),
        "angular second moment": float((matrix**2).sum()),
        "inverse difference moment": float((matrix / (1 + apart)).sum()),
    }


def _shifted(down: int, right: int) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Where a pixel and its neighbour lie, for all pixels that have one."""
    rows = (slice(None, -down or None), slice(down, None))
    ahead, behind = slice(None, -abs(right) or None), slice(abs(right), None)
    columns = (ahead, behind) if right >= 0 else (behind, ahead)
    return (slice(None), rows[0], columns[0]), (slice(None), rows[1], columns[1])
