"""Texture of the lung: features of the grey level co-occurrence matrix, by scikit-image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from skimage.feature import graycomatrix, graycoprops

from mitsgan.evaluate.metrics.regions import RegionOfInterest
from mitsgan.scan.scan import Scan

BIN_HU = 25
"""Width of a grey level."""

_LOW, _LEVELS = -1025, 57  # to 400 HU
_OUTSIDE = 0
"""The level of pixels outside the region; those inside count from 1."""

_ANGLES = (0.0, 0.25 * np.pi, 0.5 * np.pi, 0.75 * np.pi)


def cooccurrence(scan: Scan, where: Scan, region: RegionOfInterest) -> NDArray[np.float64]:
    """How often two grey levels are neighbours in the plane, ``[57, 57]``, summing to 1.

    Pixels one step apart in four directions, both inside the region, counted both ways; levels
    of 25 HU from -1025 to 400 HU, what is beyond belongs to the last.

    Args:
        scan: what is measured.
        where: the scan whose region it is.
        region: the lung.
    """
    matrix = np.zeros((_LEVELS, _LEVELS))
    for z in range(scan.shape[0]):
        mask = region.mask(where, z, z + 1)[0]
        if not mask.any():
            continue
        hu = np.nan_to_num(scan.hu(z, z + 1)[0], nan=float(_LOW))
        levels = 1 + ((hu - _LOW) // BIN_HU).clip(0, _LEVELS - 1).astype(np.uint8)
        levels[~mask] = _OUTSIDE
        rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
        part = levels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        pairs = graycomatrix(part, [1], _ANGLES, levels=_LEVELS + 1, symmetric=True)
        matrix += pairs[1:, 1:].sum((2, 3))
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
    filled = matrix[matrix > 0]

    def of(name: str) -> float:
        return float(graycoprops(matrix[:, :, None, None], name)[0, 0])

    return {
        "contrast": of("contrast"),
        "correlation": of("correlation"),
        "joint entropy": float(-(filled * np.log2(filled)).sum()),
        "angular second moment": of("ASM"),
        "inverse difference moment": of("homogeneity"),
    }
