"""How far cells usually stray from what is expected of them, learned from others that are alike."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Mask = NDArray[np.bool_]

FLOOR_HU = 2.0
"""Nothing is known better than this: a sketch is rounded, and codecs round too."""

_BINS = 14
_USUAL, _USUAL_DEVIATIONS = 0.9, 1.645
_TAIL, _TAIL_DEVIATIONS = 0.99, 2.8
_MOST_BY_TAIL = 2.0
"""By so much the tail of a group raises what is usual, and no more: a large lesion may be more than
a hundredth of a group, and must not excuse itself."""


@dataclass(frozen=True)
class Spread:
    """How far a cell of some fragility usually strays: a curve that never falls.

    Attributes:
        fragility: HU, of its points; none where there was too little to learn from.
        levels: the standard deviation at each, HU.
    """

    fragility: tuple[float, ...]
    levels: tuple[float, ...]

    def of(self, fragility: Array) -> Array:
        """The standard deviation that is usual for cells of such fragility, HU."""
        if not self.fragility:
            return np.full(fragility.shape, np.float32(FLOOR_HU))
        # Beyond what is learned from, in proportion.
        beyond = np.maximum(fragility / max(self.fragility[-1], 1), 1)
        usual = np.interp(fragility, self.fragility, self.levels) * beyond
        return np.asarray(np.hypot(usual, FLOOR_HU), np.float32)


@dataclass(frozen=True, eq=False)
class Alike:
    """Cells in groups of like fragility: a tenth or so of them each, from the least on.

    Attributes:
        fragility: HU, of all that are in a group, the least first.
        places: which cells these are, in an array of all in one line.
        edges: where the groups begin and end among them.
        middles: the median fragility of each group.
    """

    fragility: Array
    places: NDArray[np.intp]
    edges: tuple[int, ...]
    middles: tuple[float, ...]

    @classmethod
    def of(cls, fragility: Array, among: Mask) -> Alike:
        """Of all cells, those in ``among`` are grouped; in no groups where there are hardly any."""
        places = np.flatnonzero(among)
        kinds = fragility.ravel()[places]
        order = _order(kinds)
        kinds, places = kinds[order], places[order]
        if len(kinds) < _BINS:
            return cls(kinds, places, (), ())
        # The last of the even bins is split once more: the most fragile cells differ most.
        even = np.linspace(0, len(order), _BINS, dtype=int)
        edges = np.unique([*even, (3 * even[-1] + even[-2]) // 4]).tolist()
        middles = tuple(_median(kinds[start:stop]) for start, stop in pairwise(edges))
        return cls(kinds, places, tuple(edges), middles)

    def spread(self, values: Array, *, tail: bool = False) -> Spread:
        """How far cells stray by these values.

        From the 90th percentile of each group, so that what is tampered with, which is far less
        than a tenth of the cells, does not raise it; growing with fragility.

        Args:
            values: residuals, maybe smoothed, of all cells.
            tail: more, up to twice as much, where the 99th percentile lies further out than
                that of a normal distribution: where a scan is resampled, a few cells in a hundred
                stray far, those in which the new samples met or missed a bright speck.
        """
        sizes = np.abs(values.ravel()[self.places])
        levels = [_level(sizes[start:stop], tail=tail) for start, stop in pairwise(self.edges)]
        return Spread(self.middles, tuple(np.maximum.accumulate(levels).tolist()))

    def quantile(self, spread: Spread, share: float) -> float:
        """Of all grouped cells, how far that one strays usually of which so many are below.

        As a spread never falls with fragility, it is that of the cell with so many below.
        """
        lower, beyond = _place(len(self.fragility), share)
        return _between(spread.of(self.fragility[lower : lower + 2]), beyond)


def _level(sizes: Array, *, tail: bool) -> float:
    usual = _quantile(sizes, _USUAL) / _USUAL_DEVIATIONS
    if not tail:
        return usual
    far = _quantile(sizes, _TAIL) / _TAIL_DEVIATIONS
    return max(usual, min(far, _MOST_BY_TAIL * max(usual, FLOOR_HU)))


def _median(ordered: Array) -> float:
    return float(ordered[(len(ordered) - 1) // 2 : len(ordered) // 2 + 1].mean())


def _quantile(values: Array, share: float) -> float:
    """`np.quantile` to the bit, without what that does for arrays of more dimensions."""
    lower, beyond = _place(len(values), share)
    least = np.partition(values, lower)[lower:]
    least[1:2] = least[1:].min(initial=np.inf)
    return _between(least[:2], beyond)


def _place(count: int, share: float) -> tuple[int, float]:
    """Below which of so many sorted numbers a quantile lies, and how far from there to the next."""
    lower, beyond = divmod(share * (count - 1), 1)
    return int(lower), beyond


def _between(values: Array, share: float) -> float:
    """Between two numbers, or at the last of all."""
    low, high = values[0], values[-1]
    if share < 0.5:
        return float(low + (high - low) * share)
    return float(high - (high - low) * (1 - share))


def _order(values: Array) -> NDArray[np.intp]:
    """What sorts numbers that are not negative, equal ones as they stand.

    The bits of such floats are ordered as they are: by their lower half, and then by their upper
    one, for NumPy sorts 16 bits by counting. Of more it compares, four times as long on processors
    that are slow to compress (AMD's Zen 4).
    """
    bits = values.view(np.uint32)
    order = np.argsort(bits.astype(np.uint16), kind="stable")
    upper = (bits >> 16).astype(np.uint16)
    return order[np.argsort(upper[order], kind="stable")]
