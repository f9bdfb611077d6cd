"""What lies at most so many mm from a part of a scan, voxel by voxel."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mitsgan.anatomy.mask import Box, CoarseMask, Triple

_MOST = 30000
"""Units of squared distance; twice as many still are a 16-bit number."""
_PLANES = 4
"""Worked on at a time: they stay in the processor's cache."""


@dataclass(frozen=True, eq=False)
class Around:
    """A part of a scan, and what lies at most ``reach_mm`` from it.

    The part is known on a coarse grid. Distances from its coarse voxels are exact on that grid, and
    interpolated in between: they are wrong by about 0.1 mm, and by half of the grid's step at most,
    where two sides of the part are equally far.

    Attributes:
        squared_mm: ``[z, y, x]``, on the coarse grid: squared distance from the part, mm^2; no
            larger than tells what is out of reach.
        stride: voxels per coarse voxel ``[z, y, x]``.
        reach_mm: how far.
    """

    squared_mm: NDArray[np.float32]
    stride: Triple
    reach_mm: float

    @classmethod
    def of(cls, part: CoarseMask, reach_mm: float, spacing: tuple[float, float, float]) -> Around:
        """What lies around a part of a scan.

        Args:
            part: of the scan.
            reach_mm: how far.
            spacing: of the scan, mm ``[z, y, x]``.
        """
        steps = [n * s for n, s in zip(part.stride, spacing, strict=True)]
        farthest = reach_mm + math.hypot(*steps)  # of a corner, where a cell is partly in reach
        unit = farthest**2 / _MOST
        whole = np.full(part.mask.shape, np.float32(farthest**2))
        margins = [math.ceil(farthest / step) for step in steps]
        box = tuple(_grown(part.mask, axis, margin) for axis, margin in enumerate(margins))
        squared = _along_rows(part.mask[box], steps[2] ** 2 / unit)
        for start in range(0, len(squared), _PLANES):
            planes = squared[start : start + _PLANES]
            _reach(planes.swapaxes(0, 1), steps[1] ** 2 / unit)
        for start in range(0, squared.shape[1], _PLANES):
            _reach(squared[:, start : start + _PLANES], steps[0] ** 2 / unit)
        np.multiply(squared, np.float32(unit), out=whole[box])
        return cls(whole, part.stride, reach_mm)

    def slab(self, start: int, stop: int, box: Box) -> NDArray[np.bool_]:
        """``[z, y, x]``: which voxels of slices ``start:stop``, rows and columns ``box`` are in it.

        Args:
            start, stop: slices of the scan.
            box: rows and columns of it.
        """
        _, height, width = self.squared_mm.shape
        rows, columns = (
            slice(part.start // n, min((part.stop - 1) // n + 2, most))
            for part, n, most in zip(box, self.stride[1:], (height, width), strict=True)
        )
        y, x = (
            slice(part.start % n, part.start % n + part.stop - part.start)
            for part, n in zip(box, self.stride[1:], strict=True)
        )
        inside = np.empty((stop - start, y.stop - y.start, x.stop - x.start), bool)
        for z in range(start, stop):
            cells = self._slice(z)[rows, columns]
            inside[z - start] = self._within(cells)[y, x]
        return inside

    def _slice(self, z: int) -> NDArray[np.float32]:
        """``[y, x]`` of the coarse grid, between whose slices slice ``z`` of the scan lies."""
        number, after = divmod(z, self.stride[0])
        below, above = (
            self.squared_mm[min(n, len(self.squared_mm) - 1)] for n in (number, number + 1)
        )
        if not after:
            return np.asarray(below)
        return np.asarray(below + np.float32(after / self.stride[0]) * (above - below))

    def _within(self, cells: NDArray[np.float32]) -> NDArray[np.bool_]:
        """``[y, x]``: which of the voxels between coarse ones are within reach."""
        _, down, right = self.stride
        limit = np.float32(self.reach_mm**2)
        across = np.stack([*_between(cells.T, right)], axis=1).reshape(-1, len(cells))
        rows = [row <= limit for row in _between(np.ascontiguousarray(across.T), down)]
        return np.stack(rows, axis=1).reshape(-1, len(across))


def _along_rows(mask: NDArray[np.bool_], step: float) -> NDArray[np.uint16]:
    """Squared distance from the mask along the last axis, `_MOST` at most.

    Args:
        mask: ``[..., x]``.
        step: squared, from one to the next.
    """
    count = mask.shape[-1]
    places = np.arange(count, dtype=np.int16)
    far = np.int16(count)
    nearest = np.maximum.accumulate(np.where(mask, places, -far), axis=-1)
    before = places - nearest
    nearest = np.minimum.accumulate(np.where(mask, places, 2 * far)[..., ::-1], axis=-1)
    steps = np.minimum(before, nearest[..., ::-1] - places)
    squares = np.minimum(step * np.arange(2 * count + 1.0) ** 2, _MOST)
    return np.asarray(np.rint(squares).astype(np.uint16)[steps])


def _reach(squared: NDArray[np.uint16], step: float) -> None:
    """Squared distances, with what lies along one more axis, the first; in place.

    As Felzenszwalb and Huttenlocher (2012), by shifts in place of envelopes: few are within reach.

    Args:
        squared: of the axes before.
        step: squared, from one to the next.
    """
    before = squared.copy()
    for n in range(1, min(int(math.sqrt(_MOST / step)) + 1, len(squared))):
        farther = before + np.uint16(round(n**2 * step))
        np.minimum(squared[n:], farther[:-n], out=squared[n:])
        np.minimum(squared[:-n], farther[n:], out=squared[:-n])


def _grown(mask: NDArray[np.bool_], axis: int, margin: int) -> slice:
    """The part of an axis that holds the mask and a margin."""
    where = np.flatnonzero(mask.any(tuple(a for a in range(3) if a != axis)))
    if not len(where):
        return slice(0, 0)
    return slice(max(int(where[0]) - margin, 0), int(where[-1]) + margin + 1)


def _between(values: NDArray[np.float32], stride: int) -> Iterator[NDArray[np.float32]]:
    """Values, and what lies between each and the next of the first axis, in ``stride`` steps."""
    step = np.diff(values, axis=0, append=values[-1:])
    for n in range(stride):
        yield values + np.float32(n / stride) * step
