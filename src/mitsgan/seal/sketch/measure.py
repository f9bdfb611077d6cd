"""What a sketch is made of: the cells of a scan, slice by slice, and then layer by layer."""

from __future__ import annotations

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
    plain_and_smoothed_sums,
    sum_type,
    working_type,
)
from mitsgan.seal.sketch.shifts import grown
from mitsgan.slabs import in_slabs, per_thread

Array = NDArray[np.float32]
Mask = NDArray[np.bool_]

_SLICES_AT_ONCE = 8
_IN_ORDER = 8
_AIR_HU = -950.0


@dataclass(frozen=True, eq=False)
class CellValues:
    """Means of all cells, their changes by three filters, and where metal is, ``[z, y, x]``."""

    means: Array
    smoothing: Array
    across: Array
    median: Array
    metal: Mask


def measure_cells(scan: Scan, grid: CellGrid) -> CellValues:
    """Measure the cells of a scan in canonical order; see `mitsgan.seal.sketch.sketch.Sketch`."""
    measures = per_thread(lambda: _SliceMeasure(scan, grid))
    slices = np.zeros((4, scan.shape[0], *grid.cells[1:]), np.float32)

    def work(start: int, stop: int) -> None:
        measure = measures()
        for z in range(start, stop):
            measure(z, slices[:, z])

    for _ in in_slabs(work, scan.shape[0], _SLICES_AT_ONCE):
        pass
    depth = grid.voxels_along(0).astype(np.float32)[:, None, None]
    means, smoothing, median, metal = (_layer_sums(each, grid.cell[0]) / depth for each in slices)
    return CellValues(means, smoothing, _across(slices[0], grid), median, metal > 0)


def border_cells(scan: Scan, grid: CellGrid) -> Mask:
    """The cells in or beside which the reconstruction ends, as one slice of each layer tells."""
    some = np.zeros(grid.cells, np.bool_)
    every = np.zeros(grid.cells, np.bool_)
    voxels = _voxels_in_plane(grid)

    def work(start: int, stop: int) -> None:
        for layer in range(start, stop):
            z = layer * grid.cell[0]
            padding = scan.is_padding(z, z + 1)[0]
            if padding.any():
                count = mask_sums(padding, grid.cell[1:])
                some[layer], every[layer] = count > 0, count == voxels

    for _ in in_slabs(work, grid.cells[0], _SLICES_AT_ONCE):
        pass
    if not some.any():
        return some
    return grown(some, (1, 2)) & grown(~every, (1, 2))


class _SliceMeasure:
    """What there is to know of the cells of a slice; its arrays serve slice after slice."""

    def __init__(self, scan: Scan, grid: CellGrid) -> None:
        cell, dtype = grid.cell[1:], working_type(scan)
        self._scan, self._cell, self._count = scan, cell, _voxels_in_plane(grid)
        self._sums = sum_type(scan, cell[0])
        self._plane: Plane = np.empty(scan.shape[1:], dtype)
        self._median = MedianCellSums(scan.shape[2], cell, dtype, self._sums)

    def __call__(self, z: int, out: Array) -> None:
        """Into ``[4, y, x]``: means, their changes by smoothing and by the median, and metal."""
        scan, cell, count, plane = self._scan, self._cell, self._count, self._plane
        slope, intercept = np.float32(scan.slope[z]), np.float32(scan.intercept[z])
        plain, smooth = plain_and_smoothed_sums(clipped(scan, z, plane), cell, self._sums)
        out[0] = plain / count * slope + intercept
        out[1] = (smooth - plain) / count * slope
        box = _body_box(out[0])
        if box is not None:
            rows, columns = (
                slice(part.start * side, part.stop * side)
                for part, side in zip(box, cell, strict=True)
            )
            filtered = self._median(plane[rows, columns])
            out[2][box] = (filtered - plain[box]) / count[box] * slope
        dense = (METAL_HU - intercept) / slope
        if plane.max() >= dense:
            out[3] = mask_sums(plane >= dense, cell)


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


def _across(means: Array, grid: CellGrid) -> Array:
    """What the filter 1-2-1 across slices, ends held, would change the cells.

    The mean of a layer changes by what crosses its two faces alone.
    """
    changes = np.zeros(grid.cells, np.float32)
    if grid.cell[0] == 1:
        return changes
    first = np.arange(grid.cell[0], len(means), grid.cell[0])
    crossing = (means[first] - means[first - 1]) / 4
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
