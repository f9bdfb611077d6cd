"""One slice at a time: its values, sums over its cells, and what two standard filters make of it.

Arrays are reused from slice to slice: fresh ones of this size cost more than what is computed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mitsgan.scan.scan import Scan
from mitsgan.seal.sketch.cells import HIGHEST_HU, LOWEST_HU

_BAND = 256
"""Rows that are filtered at once, at most. Few calls save more than arrays that fit the nearest
cache, but those of a large slice as a whole might fit none."""

_EXACT_VOXELS = 256
"""Of so many 16-bit values and no more, sums and differences of sums are exact in single precision,
which has 24 bits."""

Plane = NDArray[Any]
"""A slice, int16 or float32 ``[y, x]``, or sums of one, int16, int32 or float32."""


def working_type(scan: Scan) -> np.dtype[Any]:
    """int16 where all stored values between the limits in HU fit, else float32."""
    if scan.is_integer:
        ends = [(limit - scan.intercept) / scan.slope for limit in (LOWEST_HU, HIGHEST_HU)]
        room = np.iinfo(np.int16)
        if np.min(ends) >= room.min and np.max(ends) <= room.max:
            return np.dtype(np.int16)
    return np.dtype(np.float32)


def clipped(
    scan: Scan, z: int, out: Plane, box: tuple[slice, slice] = (slice(None), slice(None))
) -> Plane:
    """The stored values of a slice between the limits in HU, written into ``out``.

    Of the slice the rows and columns ``box``.
    """
    low, high = ((limit - scan.intercept[z]) / scan.slope[z] for limit in (LOWEST_HU, HIGHEST_HU))
    stored = scan.stored[z][box]
    if out.dtype.kind == "i":
        # Compared in their own type, which holds the limits or all values between them.
        info = np.iinfo(stored.dtype)
        low, high = np.clip((np.ceil(low), np.floor(high)), info.min, info.max).astype(int)
        np.clip(stored, stored.dtype.type(low), stored.dtype.type(high), out=out, casting="unsafe")
        return out
    np.copyto(out, stored, casting="unsafe")
    np.nan_to_num(out, copy=False, nan=low, posinf=high, neginf=low)
    return np.clip(out, np.float32(low), np.float32(high), out=out)


def sum_type(scan: Scan, rows: int) -> np.dtype[Any]:
    """The type that holds sums of so many values of `working_type`: int16 where they fit.

    It holds the difference of two as well. Sums of whole numbers are the same in any type that
    holds them, and NumPy adds int16 in half the time.
    """
    if working_type(scan).kind == "f":
        return np.dtype(np.float32)
    ends = [(limit - scan.intercept) / scan.slope for limit in (LOWEST_HU, HIGHEST_HU)]
    fits = max(rows, 2) * np.abs(ends).max() <= np.iinfo(np.int16).max
    return np.dtype(np.int16 if fits else np.int32)


def strip_sums(plane: Plane, side: int, dtype: np.dtype[Any]) -> Plane:
    """Sums of ``side`` rows each, the last strip maybe of fewer."""
    sums: Plane = plane[::side].astype(dtype)
    for row in range(1, side):
        rows = plane[row::side]
        sums[: len(rows)] += rows
    return sums


def cell_sums(plane: Plane, cell: tuple[int, int], dtype: np.dtype[Any]) -> Plane:
    """Sums over the cells of a slice, int32 or float32; ``dtype`` holds the sums of a column."""
    return _across_columns(strip_sums(plane, cell[0], dtype), cell)


def sums_and_smoothing(
    plane: Plane, cell: tuple[int, int], dtype: np.dtype[Any]
) -> tuple[Plane, Plane]:
    """Sums over the cells of a slice, and 16 times what the filter 1-2-1 changes them.

    The filter runs along rows and columns, edges held. The sum of a cell changes by what crosses
    its sides alone, so the filter itself is never run.
    """
    strips = strip_sums(plane, cell[0], dtype)
    # The first row of each strip but the first, minus the row before it.
    crossing = np.subtract(
        plane[cell[0] :: cell[0]], plane[cell[0] - 1 : -1 : cell[0]], dtype=dtype
    )
    changes = 4 * _between(_across_columns(crossing, cell))
    # What crosses the sides to the left and right: of the strips as they are, and of their change.
    sides, corners = (_steps(lines, cell[1]) for lines in (strips, crossing))
    changes += _between((4 * sides + _between(corners)).T).T
    return _across_columns(strips, cell), changes


def mask_sums(mask: NDArray[np.bool_], cell: tuple[int, int]) -> Plane:
    """How many voxels of a mask of a slice are in each cell, int32."""
    small = cell[0] <= np.iinfo(np.int8).max
    return cell_sums(mask.view(np.int8), cell, np.dtype(np.int8 if small else np.int32))


def _across_columns(strips: Plane, cell: tuple[int, int]) -> Plane:
    """Sums over the cells of strips of rows, int32 or float32."""
    side = cell[1]
    if strips.dtype.kind == "f" or cell[0] * side > _EXACT_VOXELS:
        return strip_sums(strips.T, side, _wide(strips)).T
    # In single precision, in which sums of so few whole numbers are exact in whatever order they
    # are added: a matrix product has them in a third of the time that strides take.
    cells = -(-strips.shape[1] // side)
    values = np.zeros((len(strips), cells * side), np.float32)
    values[:, : strips.shape[1]] = strips
    sums: Plane = values.reshape(len(strips), cells, side) @ np.ones(side, np.float32)
    return sums.astype(np.int32)


def _steps(lines: Plane, side: int) -> Plane:
    """The first column of each ``side`` but the first, minus the column before it."""
    return np.subtract(lines[:, side::side], lines[:, side - 1 : -1 : side], dtype=_wide(lines))


def _between(crossing: Plane) -> Plane:
    """What rows gain by what crosses from each to the one before it."""
    gained: Plane = np.zeros((len(crossing) + 1, *crossing.shape[1:]), crossing.dtype)
    gained[:-1] = crossing
    gained[1:] -= crossing
    return gained


def _wide(values: Plane) -> np.dtype[Any]:
    return np.dtype(np.int32) if values.dtype.kind == "i" else values.dtype


class MedianCellSums:
    """Sums over the cells of a slice after a median of 3 x 3 pixels, edges held.

    Taken in bands of rows, each of them one long line, for NumPy is slow where lines are short.
    What the ends of rows do to each other falls in the two columns of padding.
    """

    def __init__(
        self,
        columns: int,
        cell: tuple[int, int],
        dtype: np.dtype[Any],
        sums: np.dtype[Any],
    ) -> None:
        self._cell = cell
        self._sums = sums
        self._rows = max(1, _BAND // cell[0]) * cell[0]
        self._padded = np.empty((self._rows + 2) * (columns + 2), dtype)
        self._scratch = np.empty((5, self._rows * (columns + 2)), dtype)

    def __call__(self, plane: Plane) -> Plane:
        """Of a slice of at most as many columns."""
        # Bands of one height, or nearly: none of a few rows is left over.
        side, bands = self._cell[0], -(-len(plane) // self._rows)
        rows = -(-len(plane) // (bands * side)) * side
        strips = [
            strip_sums(self._filtered(plane, top, rows), side, self._sums)
            for top in range(0, len(plane), rows)
        ]
        return _across_columns(np.concatenate(strips), self._cell)

    def _filtered(self, plane: Plane, top: int, rows: int) -> Plane:
        """So many rows from ``top`` on, filtered; overwritten by the next call."""
        bottom = min(top + rows, len(plane))
        rows, columns = bottom - top, plane.shape[1]
        wide = columns + 2
        line = self._padded[: (rows + 2) * wide]
        padded = line.reshape(rows + 2, wide)
        padded[1:-1, 1:-1] = plane[top:bottom]
        padded[0, 1:-1] = plane[max(top - 1, 0)]
        padded[-1, 1:-1] = plane[min(bottom, len(plane) - 1)]
        padded[:, 0], padded[:, -1] = padded[:, 1], padded[:, -2]
        filtered = _median(line, wide, self._scratch[:, : rows * wide])
        return filtered.reshape(rows, wide)[:, :columns]


def _median(line: Plane, wide: int, scratch: Plane) -> Plane:
    """The median of 3 x 3 of rows of a length, one after the other; part of ``scratch``.

    What belongs to a pixel stands where the pixel to its upper left stands in ``line``.
    """
    a, b, c, d, e = scratch
    above, here, below = line[: -2 * wide], line[wide:-wide], line[2 * wide :]
    # Sort the three of each column, once for the three medians that they belong to.
    np.minimum(above, here, out=a)
    np.maximum(above, here, out=b)
    np.minimum(b, below, out=c)
    high = np.maximum(b, below, out=b)
    low = np.minimum(a, c, out=d)
    middle = np.maximum(a, c, out=c)
    # The median of nine is that of: the largest low, the median middle, the smallest high.
    # What was used up is written over, so that all of it stays in the cache.
    a, e = a[:-2], e[:-2]
    np.maximum(low[:-2], low[1:-1], out=a)
    np.maximum(a, low[2:], out=a)
    d = d[:-2]
    np.minimum(high[:-2], high[1:-1], out=d)
    np.minimum(d, high[2:], out=d)
    b = b[:-2]
    np.minimum(middle[:-2], middle[1:-1], out=b)
    np.maximum(middle[:-2], middle[1:-1], out=e)
    np.minimum(e, middle[2:], out=e)
    np.maximum(e, b, out=e)
    np.minimum(a, d, out=b)
    np.maximum(a, d, out=a)
    np.minimum(a, e, out=a)
    np.maximum(a, b, out=a)
    median: Plane = scratch[0]
    return median
