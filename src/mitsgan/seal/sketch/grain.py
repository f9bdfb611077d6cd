"""Grain: the finest structure of a scan, by which processing is told that leaves its cells alone.

How strong it is in soft tissue and in lung: noise for the most part. More of it than was sealed
means that noise was added, less that the scan was smoothed or coded with loss. And how far apart
its values lie: further than was sealed means that it was rounded, as to the grey levels of a
window; and what the limits of a window can have made of cells.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mitsgan.scan.scan import Scan
from mitsgan.seal.sketch.cells import DENSER_HU, LOWEST_HU, METAL_HU
from mitsgan.seal.sketch.shifts import Array, Mask, largest_near, least_near

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

_OUTLIER = 4.0
"""Standard deviations of noise that single voxels reach."""

_MARGIN_HU = 60.0
"""How far from a limit the means around a cell have to lie to be told, beside what noise and fine
structure make of them."""

_PEAKS = 10.0
"""How far single voxels reach beyond the mean of their cell, in fragilities, at most."""

_BONE_HU = 500.0
"""From means of so much on peaks may reach twice as far: those of a hard kernel in thin bone do,
and specks of calcium."""

_HIDDEN_SHARE = 0.25
"""HU of fragility for each that a cell lies nearer to a limit than twice as far as voxels reach."""


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
    least = lowest_hu if cut_above else DENSER_HU
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


def shown(means: Array, grain: Grain, limits: Limits, fragility: Array) -> tuple[Mask, Mask]:
    """Cells that limits leave alone with all around them, and cells of which nothing shows.

    The second are expected to be at the limit. Of those in between it cannot be told how much
    was cut off: noise and edges reach further than their means.
    """
    if not limits.any:
        return np.ones(means.shape, bool), np.zeros(means.shape, bool)
    margin = _reach(grain, fragility)
    most, least = largest_near(means), least_near(means)
    peaks = _peaks(means, grain, fragility)
    inside: Mask = (most < limits.high - peaks) & (least > limits.low + margin)
    beyond: Mask = (least > limits.high + margin) | (most < limits.low - margin)
    return inside, beyond


def bounds(
    means: Array, grain: Grain, limits: Limits, fragility: Array, expected: Array
) -> tuple[Array, Array]:
    """The least and the most that limits can have made of cells, HU.

    A limit above lowers a mean by no more than single voxels reach beyond it, and raises none.
    Else whoever cuts a scan off at a value near that of the lung, or of a nodule, could paint as
    many nodules in or out as he likes.
    """
    reach, densest = _reach(grain, fragility), largest_near(means)
    low, high = np.float32(limits.low), np.float32(limits.high)
    peaks = _peaks(means, grain, fragility)
    lowered = np.maximum(np.maximum(expected, densest) + peaks - high, 0)
    raised = np.maximum(low - np.minimum(expected, least_near(means)) + reach, 0)
    raised = np.minimum(raised, np.maximum(low - np.float32(LOWEST_HU), 0))
    return np.clip(expected - lowered, low, high), np.clip(expected + raised, low, high)


def may_hide(means: Array, grain: Grain, limits: Limits, fragility: Array) -> Array:
    """What a limit may have cut off where cells are judged that lie near it.

    Such cells stray for a reason of their own, so they are compared with each other.
    """
    if not limits.any:
        return np.zeros(means.shape, np.float32)
    reach = 2 * _reach(grain, fragility)
    above = largest_near(means) - (np.float32(limits.high) - reach)
    below = np.float32(limits.low) + reach - least_near(means)
    near = np.maximum(np.maximum(above, below), 0)
    return np.asarray(_HIDDEN_SHARE * near, np.float32)


def _reach(grain: Grain, fragility: Array) -> Array:
    """How far single voxels of a cell reach beyond the means around it, HU."""
    noise = max(grain.soft_tissue or 0, grain.lung or 0)
    return np.float32(_MARGIN_HU + _OUTLIER * noise) + np.float32(_PEAKS) * fragility


def _peaks(means: Array, grain: Grain, fragility: Array) -> Array:
    """How far single voxels reach above: in bone and calcium, further."""
    dense = np.clip(largest_near(means) / np.float32(_BONE_HU), 0, 1)
    return np.asarray(_reach(grain, fragility) * (1 + dense), np.float32)
