"""How far cells usually stray from what is expected of them, learned from others that are alike."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Mask = NDArray[np.bool_]

_BINS = 14
_FLOOR_HU = 2.0
"""Nothing is known better than this: a sketch is rounded, and codecs round too."""


@dataclass(frozen=True, eq=False)
class Alike:
    """Cells in groups of like fragility: a tenth or so of them each, from the least on.

    Attributes:
        fragility: HU, of all cells.
        among: which of them are in the groups.
        groups: places among these, of each group.
        middles: the median fragility of each group.
        beyond: of all cells, by how much their fragility exceeds what there is to learn from, 1
            where it does not.
    """

    fragility: Array
    among: Mask
    groups: tuple[NDArray[np.intp], ...]
    middles: tuple[float, ...]
    beyond: Array

    @classmethod
    def of(cls, fragility: Array, among: Mask) -> Alike:
        """Of all cells, those in ``among`` are grouped; none where there are hardly any."""
        kinds = fragility[among]
        if len(kinds) < _BINS:
            return cls(fragility, among, (), (), fragility)
        order = _order(kinds)
        # The last of the even bins is split once more: the most fragile cells differ most.
        edges = np.linspace(0, len(order), _BINS, dtype=int)
        edges = np.unique([*edges, (3 * edges[-1] + edges[-2]) // 4])
        groups = tuple(order[start:stop] for start, stop in pairwise(edges.tolist()))
        middles = tuple(float(np.median(kinds[group])) for group in groups)
        beyond = np.maximum(fragility / max(middles[-1], 1), 1)
        return cls(fragility, among, groups, middles, beyond)

    def spread(self, values: Array) -> Array:
        """The standard deviation that is usual for cells of like fragility, HU ``[z, y, x]``.

        From the 90th percentile of each group, so that what is tampered with, which is far less
        than a tenth of the cells, does not raise it; growing with fragility.

        Args:
            values: residuals, maybe smoothed, of all cells.
        """
        if not self.groups:
            return np.full(values.shape, np.float32(_FLOOR_HU))
        sizes = np.abs(values[self.among])
        levels = [float(np.quantile(sizes[group], 0.9)) / 1.645 for group in self.groups]
        levels = np.maximum.accumulate(levels).tolist()
        # Beyond what is learned from, in proportion.
        usual = np.interp(self.fragility, self.middles, levels) * self.beyond
        return np.asarray(np.hypot(usual, _FLOOR_HU), np.float32)


def _order(values: Array) -> NDArray[np.intp]:
    """What sorts numbers that are not negative, equal ones as they stand.

    The bits of such floats are ordered as they are. With its place behind each of them, a plain
    sort of whole numbers does it, which NumPy has a fast one for.
    """
    keys = (values.view(np.uint32).astype(np.uint64) << 32) | np.arange(
        len(values), dtype=np.uint64
    )
    keys.sort()
    return (keys & np.uint64(0xFFFFFFFF)).astype(np.intp)
