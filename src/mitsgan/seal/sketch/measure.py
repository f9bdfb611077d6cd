"""What a sketch is made of: the cells of a scan, slice by slice, and then layer by layer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from mitsgan.scan.scan import Scan
from mitsgan.seal.sketch.cells import METAL_HU, CellGrid
from mitsgan.seal.sketch.planes import (
    MedianCellSums,
    Plane,
    cell_sums,
    clipped,
    plain_and_smoothed_sums,
    working_type,
)
from mitsgan.slabs import in_slabs, per_thread

Array = NDArray[np.float32]
Mask = NDArray[np.bool_]

_SLICES_AT_ONCE = 8
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
    dtype, shape = working_type(scan), scan.shape[1:]
    get_plane = per_thread(lambda: np.empty(shape, dtype))
    get_median = per_thread(lambda: MedianCellSums(shape[1], grid.cell[1:], dtype))
    slices = np.zeros((4, scan.shape[0], *grid.cells[1:]), np.float32)

    def work(start: int, stop: int) -> None:
        plane, median = get_plane(), get_median()
        for z in range(start, stop):
            _measure_slice(scan, grid, z, plane, median, slices[:, z])

    for _ in in_slabs(work, scan.shape[0], _SLICES_AT_ONCE):
        pass
    first = np.arange(0, scan.shape[0], grid.cell[0])
    depth = grid.voxels_along(0).astype(np.float32)[:, None, None]
    means, smoothing, median, metal = (
        (np.add.reduceat(one, first) / depth).astype(np.float32) for one in slices
    )
    return CellValues(means, smoothing, _across(slices[0], grid), median, metal > 0)


def border_cells(scan: Scan, grid: CellGrid) -> Mask:
    """The cells in or beside which the reconstruction ends, as one slice of each layer tells."""
    some = np.zeros(grid.cells, np.bool_)
    every = np.zeros(grid.cells, np.bool_)
    voxels = _voxels_in_plane(grid)
    for layer in range(grid.cells[0]):
        z = layer * grid.cell[0]
        padding = scan.is_padding(z, z + 1)[0]
        if padding.any():
            count = cell_sums(padding.astype(np.int16), grid.cell[1:])
            some[layer], every[layer] = count > 0, count == voxels
    if not some.any():
        return some
    around = np.ones((1, 3, 3))
    border: Mask = ndimage.binary_dilation(some, around) & ndimage.binary_dilation(~every, around)
    return border


def _measure_slice(
    scan: Scan, grid: CellGrid, z: int, plane: Plane, median: MedianCellSums, out: Array
) -> None:
    """What there is to know of the cells of a slice, into ``[4, y, x]``.

    Means, their changes by smoothing and by the median, and whether there is metal.
    """
    cell, count = grid.cell[1:], _voxels_in_plane(grid)
    slope, intercept = np.float32(scan.slope[z]), np.float32(scan.intercept[z])
    plain, smooth = plain_and_smoothed_sums(clipped(scan, z, plane), cell)
    out[0] = plain / count * slope + intercept
    out[1] = (smooth - plain) / count * slope
    box = _body_box(out[0])
    if box is not None:
        rows, columns = (
            slice(part.start * side, part.stop * side) for part, side in zip(box, cell, strict=True)
        )
        filtered = median(plane[rows, columns])
        out[2][box] = (filtered - plain[box]) / count[box] * slope
    dense = (METAL_HU - intercept) / slope
    if plane.max() >= dense:
        out[3] = cell_sums((plane >= dense).astype(np.int16), cell)


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
