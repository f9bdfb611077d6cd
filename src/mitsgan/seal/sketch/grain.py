"""Grain: the finest structure of a scan, by which processing is told that leaves its cells alone.

How strong it is in soft tissue and in lung: noise for the most part. More of it than was sealed
means that noise was added, less that the scan was smoothed or coded with loss. And how far apart
its values lie: further than was sealed means that it was rounded, as to the grey levels of a
window.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mitsgan.scan.scan import Scan
from mitsgan.seal.sketch.cells import METAL_HU

_SOFT_HU, _LUNG_HU = (-150.0, 200.0), (-980.0, -600.0)
_COUNTED_HU = (-900.0, 100.0)
_SLICES, _ROWS = 12, 96
_LEAST = 500

_PILE, _MANY, _BAND_HU = 10, 50, 20.0
"""Values were cut off where so many times as many are at the very end as at a level of the band
next to it on average, and so many at least."""

_FEW, _PILE_OF_FEW = 3, 3
"""The same of the highest value in the whole scan, where a window met little: a few equal values
there are no chance. A scan that was not cut has its highest value once or twice."""

_AIR_HU = -900.0


@dataclass(frozen=True)
class Grain:
    """The finest structure of a scan; None where there is too little to tell.

    Attributes:
        soft_tissue, lung: its standard deviation, HU, as from the middle half of second
            differences along columns, were it white noise.
        step: HU between neighbouring values that occur, on average.
    """

    soft_tissue: float | None
    lung: float | None
    step: float | None


@dataclass(frozen=True)
class Limits:
    """HU beyond which a scan shows nothing, as after a window; infinite where there are none.

    Attributes:
        low, high: the limits.
        few: so few voxels are at them that all but the places next to these can be judged as if
            there were none.
    """

    low: float = -np.inf
    high: float = np.inf
    few: bool = False

    @property
    def any(self) -> bool:
        """Whether there is one."""
        return bool(np.isfinite([self.low, self.high]).any())


def measure_grain(scan: Scan) -> Grain:
    """The grain of a scan, on a dozen of its slices."""
    rows = scan.shape[1]
    step = max(1, rows // _ROWS)
    soft: list[NDArray[np.float32]] = []
    lung: list[NDArray[np.float32]] = []
    values: list[NDArray[np.float32]] = []
    for hu in _sample(scan):
        above, here, below = (hu[k : rows - 2 + k : step] for k in range(3))
        apart = np.abs(here - (above + below) / 2)
        around = (above + here + below) / 3
        for (low, high), differences in ((_SOFT_HU, soft), (_LUNG_HU, lung)):
            differences.append(apart[(around > low) & (around < high)])
        values.append(here[(here > _COUNTED_HU[0]) & (here < _COUNTED_HU[1])])
    return Grain(_spread(soft), _spread(lung), _step(values))


def find_limits(scan: Scan, lowest_hu: float) -> Limits:
    """Where a scan's values were cut off.

    Values that pile up at the highest or the lowest that occurs. Air piles up in every scan: at
    the lowest only where that is denser than air, or the other end is cut as well. Metal piles up
    at the highest that a scanner stores.

    Args:
        scan: as it is now.
        lowest_hu: the lowest mean that was sealed.
    """
    values = np.concatenate([hu[:: max(1, len(hu) // _ROWS)].ravel() for hu in _sample(scan)])
    values = values[np.isfinite(values)]
    if not len(values):
        return Limits()
    top, bottom = float(values.max()), float(values.min())
    cut_above = top < METAL_HU and _pile(values, top, top - _BAND_HU)
    least = lowest_hu if cut_above else _AIR_HU
    cut_below = bottom > least and _pile(values, bottom, bottom + _BAND_HU)
    if not cut_above and not cut_below:
        top = _highest_of_few(scan)
        return Limits(high=top, few=True) if np.isfinite(top) else Limits()
    return Limits(bottom if cut_below else -np.inf, top if cut_above else np.inf)


def _highest_of_few(scan: Scan) -> float:
    """The highest value of all slices, if it was cut off there; else infinity."""
    if (scan.slope <= 0).any():
        return np.inf
    tops = scan.stored.max((1, 2)) * scan.slope + scan.intercept
    top = float(tops.max())
    if not top < METAL_HU:
        return np.inf
    slices = np.flatnonzero(tops == top)[:_SLICES].tolist()
    hu = [scan.hu(z, z + 1) for z in slices]
    near = np.concatenate([values[values >= top - _BAND_HU] for values in hu])
    cut = _pile(near, float(near.max()), top - _BAND_HU, least=_FEW, times=_PILE_OF_FEW)
    return top if cut else np.inf


def _pile(
    values: NDArray[np.float32],
    end: float,
    inner: float,
    *,
    least: int = _MANY,
    times: int = _PILE,
) -> bool:
    """Whether far more values are at an end than beside it."""
    count = np.count_nonzero(values == end)
    beside = values[(values != end) & (values >= min(end, inner)) & (values <= max(end, inner))]
    usual = len(beside) / max(1, len(np.unique(beside)))
    return bool(count >= least and count > times * usual)


def _sample(scan: Scan) -> Iterator[NDArray[np.float32]]:
    """A dozen slices in HU, one after the other."""
    depth = scan.shape[0]
    chosen = np.unique(np.linspace(depth / 10, depth * 9 / 10, _SLICES).astype(int))
    return (scan.hu(z, z + 1)[0] for z in np.minimum(chosen, depth - 1).tolist())


def _spread(parts: list[NDArray[np.float32]]) -> float | None:
    apart = np.concatenate(parts)
    if len(apart) < _LEAST:
        return None
    # The median of |N(0, 1)| is 0.6745; a second difference of white noise has 1.5 its variance.
    return float(round(float(np.median(apart)) / (0.6745 * 1.5**0.5), 1))


def _step(parts: list[NDArray[np.float32]]) -> float | None:
    values = np.concatenate(parts)
    if len(values) < _LEAST:
        return None
    return round((_COUNTED_HU[1] - _COUNTED_HU[0]) / max(1, len(np.unique(values))), 1)
