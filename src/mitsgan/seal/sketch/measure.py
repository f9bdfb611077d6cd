"""What a sketch is made of: the cells of a scan, slice by slice, and then layer by layer."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mitsgan.scan.scan import Scan
from mitsgan.seal.sketch.cells import METAL_HU, CellGrid
from mitsgan.seal.sketch.planes import (
    MedianCellSums,
    Plane,
    clipped,
    mask_sums,
    sum_type,
    sums_and_smoothing,
    working_type,
)
from mitsgan.seal.sketch.shifts import grown

Array = NDArray[np.float32]
Mask = NDArray[np.bool_]

_SLICES_AT_ONCE = 8
_IN_ORDER = 8
_AIR_HU = -950.0


@dataclass(frozen=True, eq=False)
class CellValues:
    """What there is to know of all cells, ``[z, y, x]``; see `mitsgan.seal.sketch.sketch.Sketch`.

    Means, their changes by three filters, where the reconstruction ends, and where metal is.
    """

    means: Array
    smoothing: Array
    across: Array
    median: Array
    border: Mask
    metal: Mask


def measure_cells(scan: Scan, grid: CellGrid) -> CellValues:
    """Measure the cells of a scan in canonical order.

    On one thread: the steps are so short that two wait for Python's lock longer than they compute.
    """
    measure = _SliceMeasure(scan, grid)
    means, smoothing, median = (np.empty(grid.cells, np.float32) for _ in range(3))
    metal, some, every = (np.zeros(grid.cells, np.bool_) for _ in range(3))
    ends = np.empty((2, *grid.cells), np.float32)
    thickness, voxels = grid.cell[0], grid.voxels_along(0).astype(np.float32)

    layers_at_once = max(1, _SLICES_AT_ONCE // thickness)
    for start in range(0, grid.cells[0], layers_at_once):
        stop = min(start + layers_at_once, grid.cells[0])
        first, last = start * thickness, min(stop * thickness, scan.shape[0])
        slices = np.zeros((3, last - first, *grid.cells[1:]), np.float32)
        for z in range(first, last):
            layer, place = divmod(z, thickness)
            measure(z, slices[:, z - first], metal[layer])
            if place == 0:
                measure.padding(z, some[layer], every[layer])
        for layers, of_slices in zip((means, smoothing, median), slices, strict=True):
            sums = _layer_sums(of_slices, thickness)
            np.divide(sums, voxels[start:stop, None, None], out=layers[start:stop])
        lasts = np.minimum(np.arange(start + 1, stop + 1) * thickness, last) - 1
        ends[0, start:stop], ends[1, start:stop] = slices[0, ::thickness], slices[0, lasts - first]

    border = some
    if some.any():
        border = grown(some, (1, 2)) & grown(~every, (1, 2))
    return CellValues(means, smoothing, _across(ends, grid), median, border, metal)


class _SliceMeasure:
    """What there is to know of the cells of a slice; its arrays serve slice after slice."""

    def __init__(self, scan: Scan, grid: CellGrid) -> None:
        cell, dtype = grid.cell[1:], working_type(scan)
        self._scan, self._cell, self._count = scan, cell, _voxels_in_plane(grid)
        self._sums = sum_type(scan, cell[0])
        self._plane: Plane = np.empty(scan.shape[1:], dtype)
        self._median = MedianCellSums(scan.shape[2], cell, dtype, self._sums)

    def __call__(self, z: int, out: Array, metal: Mask) -> None:
        """Into ``[3, y, x]``: means, their changes by smoothing and by the median.

        Args:
            z: the slice.
            out: zeros.
            metal: ``[y, x]``, the cells with metal in them are set.
        """
        scan, cell, count, plane = self._scan, self._cell, self._count, self._plane
        slope, intercept = np.float32(scan.slope[z]), np.float32(scan.intercept[z])
        plain, changes = sums_and_smoothing(clipped(scan, z, plane), cell, self._sums)
        out[0] = plain / count * slope + intercept
        out[1] = changes / 16 / count * slope
        box = _body_box(out[0])
        if box is not None:
            rows, columns = (
                slice(part.start * side, part.stop * side)
                for part, side in zip(box, cell, strict=True)
            )
            filtered = self._median(plane[rows, columns])
            out[2][box] = (filtered - plain[box]) / count[box] * slope
        dense = float((METAL_HU - intercept) / slope)
        if plane.max() >= dense:
            places = np.flatnonzero(
                plane >= (math.ceil(dense) if plane.dtype.kind == "i" else dense)
            )
            y, x = np.divmod(places, plane.shape[1])
            metal[y // cell[0], x // cell[1]] = True

    def padding(self, z: int, some: Mask, every: Mask) -> None:
        """Into ``[y, x]``: the cells of a slice with padding in them, and nothing else in them."""
        padding = self._scan.is_padding(z, z + 1)[0]
        if padding.any():
            count = mask_sums(padding, self._cell)
            np.greater(count, 0, out=some)
            np.equal(count, self._count, out=every)


def _layer_sums(slices: Array, depth: int) -> Array:
    """Sums of ``depth`` slices each, the last maybe of fewer: `np.add.reduceat` to the bit.

    Which adds the rest of a layer to its first slice. Done for all layers at once that is sooner
    over; of more than eight slices the order is another.
    """
    if depth > _IN_ORDER:
        return np.asarray(np.add.reduceat(slices, np.arange(0, len(slices), depth)))
    first = slices[::depth]
    if depth == 1:
        return first
    rest = np.zeros_like(first)
    for z in range(1, depth):
        others = slices[z::depth]
        rest[: len(others)] += others
    return first + rest


def _across(ends: Array, grid: CellGrid) -> Array:
    """What the filter 1-2-1 across slices, ends held, would change the cells.

    The mean of a layer changes by what crosses its two faces alone.

    Args:
        ends: ``[2, z, y, x]``, means of the first and of the last slice of each layer.
        grid: of the cells.
    """
    changes = np.zeros(grid.cells, np.float32)
    if grid.cell[0] == 1:
        return changes
    first, last = ends
    crossing = (first[1:] - last[:-1]) / 4
    changes[:-1] += crossing
    changes[1:] -= crossing
    changes /= grid.voxels_along(0)[:, None, None]
    return changes


def _voxels_in_plane(grid: CellGrid) -> Array:
    rows, columns = (grid.voxels_along(axis).astype(np.float32) for axis in (1, 2))
    return rows[:, None] * columns


def _body_box(hu: Array) -> tuple[slice, slice] | None:
    """The cells of a slice around all that is not air: elsewhere the median changes nothing."""
    inside = hu > _AIR_HU
    if not inside.any():
        return None
    rows, columns = (np.flatnonzero(inside.any(axis=axis)).tolist() for axis in (1, 0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
