"""The density of the lung: emphysema index, 15th percentile, first-order features."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mitsgan.evaluate.metrics.regions import RegionOfInterest
from mitsgan.scan.scan import Scan

EMPHYSEMA_HU = -950.0

_LOW, _HIGH = -1100, 400
_SLAB = 16
_BIN_HU = 25
_ROUNDING_HU = 1e-3
"""What single precision makes of a rescale that is no whole HU."""


@dataclass(frozen=True)
class Histogram:
    """The density of a region.

    Attributes:
        counts: how many voxels have each whole HU from -1100 to 400; what is beyond is cut.
        emphysema: how many are below -950 HU. Of values between whole HU the counts do not tell.
    """

    counts: NDArray[np.int64]
    emphysema: int


def histogram(scan: Scan, where: Scan, region: RegionOfInterest) -> Histogram:
    """The density of a region, in steps of 1 HU.

    Args:
        scan: what is measured.
        where: the scan whose region it is, so that the voxels are the same for all.
        region: the lung.
    """
    counts = np.zeros(_HIGH - _LOW + 1, np.int64)
    emphysema = 0
    for start in range(0, scan.shape[0], _SLAB):
        stop = min(start + _SLAB, scan.shape[0])
        mask = region.mask(where, start, stop)
        if mask.any():
            hu = scan.hu(start, stop)[mask]
            emphysema += int(np.count_nonzero(hu < EMPHYSEMA_HU - _ROUNDING_HU))
            values = np.rint(hu).clip(_LOW, _HIGH).astype(np.int64)
            counts += np.bincount(values - _LOW, minlength=len(counts))
    return Histogram(counts, emphysema)


def density_features(density: Histogram) -> dict[str, float]:
    """Density and first-order features of a region.

    Returns:
        ``laa950`` (per cent of voxels below -950 HU), ``perc15`` (HU, interpolated inside a
        step), ``mean``, ``deviation`` (HU), ``skewness``, ``kurtosis`` (0 for a Gaussian), and
        ``entropy`` (bits, bins of 25 HU); names and definitions of the image biomarker
        standardisation initiative (Zwanenburg et al., Radiology 295(2), 2020).
    """
    hu = np.arange(_LOW, _HIGH + 1, dtype=np.float64)
    share = density.counts / density.counts.sum()
    mean = float(share @ hu)
    centred = hu - mean
    variance = float(share @ centred**2)
    deviation = variance**0.5
    third, fourth = (float(share @ centred**n) for n in (3, 4))
    coarse = np.add.reduceat(share, np.arange(0, len(share), _BIN_HU))
    filled = coarse[coarse > 0]
    return {
        "laa950": 100 * density.emphysema / int(density.counts.sum()),
        "perc15": _percentile(share, hu, 0.15),
        "mean": mean,
        "deviation": deviation,
        "skewness": third / deviation**3 if variance else 0.0,
        "kurtosis": fourth / variance**2 - 3 if variance else 0.0,
        "entropy": float(-(filled * np.log2(filled)).sum()),
    }


def _percentile(share: NDArray[np.float64], hu: NDArray[np.float64], part: float) -> float:
    """The density below which ``part`` lies; a value of n HU is taken as n - 0.5 to n + 0.5."""
    below = np.concatenate([[0.0], share.cumsum()])
    edges = np.concatenate([[hu[0] - 0.5], hu + 0.5])
    step = int(np.searchsorted(below, part, side="left"))
    inside = (part - below[step - 1]) / (below[step] - below[step - 1])
    return float(edges[step - 1] + inside * (edges[step] - edges[step - 1]))
