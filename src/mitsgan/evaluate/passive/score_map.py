"""How much speaks for tampering, place by place, and which regions a threshold makes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from mitsgan.anatomy.mask import Triple
from mitsgan.errors import PositionError

Scores = NDArray[np.float32]
Box = tuple[slice, slice, slice]

SMALLEST_ML = 0.5
"""Less than so much is no region: attackers paint 8 ml."""

_TRIED = 60


@dataclass(frozen=True, eq=False)
class ScoreMap:
    """Of one scan, in cells.

    Attributes:
        values: ``[z, y, x]``, the larger the more suspicious; NaN where nothing is judged.
        first: voxel in the middle of the first cell ``[z, y, x]``.
        step: voxels from one cell to the next ``[z, y, x]``.
        spacing: of the scan, mm ``[z, y, x]``.
    """

    values: Scores
    first: tuple[float, float, float]
    step: Triple
    spacing: tuple[float, float, float]

    def with_values(self, values: Scores) -> ScoreMap:
        """The same cells with other values."""
        return replace(self, values=values)

    def at(self, position: Sequence[float]) -> float:
        """Of the judged cell that is nearest to a voxel ``[z, y, x]``.

        Raises:
            PositionError: nothing is judged anywhere.
        """
        judged = np.argwhere(np.isfinite(self.values))
        if not len(judged):
            raise PositionError("no place of this scan can be judged: it shows no lung")
        mm = np.asarray(self.spacing)
        away = (judged * np.asarray(self.step) + np.asarray(self.first) - np.asarray(position)) * mm
        nearest = judged[np.square(away).sum(axis=1).argmin()]
        return float(self.values[tuple(nearest)])

    def regions(self, threshold: float) -> int:
        """How many groups of connected cells at or above a threshold have at least half a ml."""
        return len(self._large(self._labels(threshold)))

    def overlap(self, threshold: float, box: Box) -> float:
        """Intersection over union of a box of voxels and the regions that touch it; 0 for none."""
        labels = self._labels(threshold)
        there = labels[self._cells(box)]
        large = self._large(labels)
        touching = large[np.isin(large, there)]
        if not len(touching):
            return 0.0
        common = int(np.isin(there, touching).sum())
        flagged = int(np.isin(labels, touching).sum()) * int(np.prod(self.step))
        wanted = int(np.prod([part.stop - part.start for part in box]))
        return common / (flagged + wanted - common)

    def _labels(self, threshold: float) -> NDArray[np.int32]:
        """Connected cells that are flagged, numbered from 1."""
        flagged = np.nan_to_num(self.values, nan=-np.inf) >= threshold
        labels, _ = ndimage.label(flagged, np.ones((3, 3, 3)))
        return np.asarray(labels, np.int32)

    def _large(self, labels: NDArray[np.int32]) -> NDArray[np.int64]:
        """The numbers of those that are large enough."""
        sizes = np.bincount(labels.ravel())
        least = SMALLEST_ML * 1000 / float(np.prod(self.step) * np.prod(self.spacing))
        large = np.flatnonzero(sizes >= least)
        return np.asarray(large[large > 0], np.int64)

    def _cells(self, box: Box) -> tuple[NDArray[np.int64], ...]:
        """For every voxel of a box its cell; voxels beyond the outermost cells have none."""
        indices = []
        for part, first, step, size in zip(
            box, self.first, self.step, self.values.shape, strict=True
        ):
            nearest = np.rint((np.arange(part.start, part.stop) - first) / step).astype(np.int64)
            indices.append(nearest[(nearest >= 0) & (nearest < size)])
        return np.ix_(*indices)


def calibrated(maps: Sequence[ScoreMap], alarms: float) -> float:
    """The least threshold at which untouched scans show, on average, no more than some regions.

    Raises:
        PositionError: none of the maps judges anything.
    """
    values = np.concatenate([one.values[np.isfinite(one.values)] for one in maps])
    if not len(values):
        raise PositionError("there is nothing to calibrate on: no scan shows any lung")
    shares = np.geomspace(1e-6, 0.3, _TRIED)
    best = float(values.max()) + 1e-6
    for threshold in np.quantile(values, 1 - shares):
        count = sum(one.regions(float(threshold)) for one in maps)
        if count > alarms * len(maps):
            break
        best = float(threshold)
    return best
