"""A sketch of a scan: means of cells, and how three standard filters would change them.

The means say what the scan shows. The changes say how much of each mean hangs on fine structure:
by them smoothing, resampling and median filters are told from tampering, for such filters change
a cell in proportion, and a lesion painted in or out does not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mitsgan.scan.canonical import canonical
from mitsgan.scan.scan import Scan
from mitsgan.seal.sketch.body import body_cells
from mitsgan.seal.sketch.cells import LOWEST_HU, CellGrid
from mitsgan.seal.sketch.grain import Grain, measure_grain
from mitsgan.seal.sketch.measure import measure_cells

Array = NDArray[np.float32]
Mask = NDArray[np.bool_]

_FINEST_HU, _COARSEST_HU = 8, 16


@dataclass(frozen=True)
class Steps:
    """HU between two levels of the means, and of their changes."""

    mean: int
    change: int

    @classmethod
    def of(cls, grid: CellGrid, grain: Grain) -> Steps:
        """No finer than what noise does to a mean anyway, so that noise costs no room."""
        noise = (grain.soft_tissue or 0.0) / math.sqrt(math.prod(grid.cell))
        mean = round(min(max(noise, _FINEST_HU), _COARSEST_HU))
        return cls(mean, 2 * mean)


@dataclass(frozen=True, eq=False)
class Sketch:
    """What is sealed of a scan's content.

    Attributes:
        grid: its cells, and where they lie in the patient.
        means: ``[z, y, x]`` HU, of each cell.
        smoothing: ``[z, y, x]`` HU, by how much the filter 1-2-1 along rows and columns would
            change each mean.
        across: the same of the filter 1-2-1 across slices; 0 where a cell is one slice, for then
            the cells above and below tell it.
        median: the same of the median of 3 x 3 pixels.
        border: ``[z, y, x]``, the cells where the reconstruction ends. What filters make of them
            depends on what they take for the voxels beyond, so nothing can be told there.
        metal: ``[z, y, x]``, the cells with metal in them, whose peaks have no room in 12 bits.
        steps: to which all of them are rounded.
        grain: how strong the finest structure is, noise for the most part.
    """

    grid: CellGrid
    means: Array
    smoothing: Array
    across: Array
    median: Array
    border: Mask
    metal: Mask
    steps: Steps
    grain: Grain

    @cached_property
    def body(self) -> Mask:
        """The cells of the patient; see `body_cells`."""
        return body_cells(self.means)


def make_sketch(scan: Scan) -> Sketch:
    """The sketch of a scan, rounded as it is sealed."""
    scan = canonical(scan)
    grid = CellGrid.of(scan)
    values = measure_cells(scan, grid)
    grain = measure_grain(scan)
    steps = Steps.of(grid, grain)
    return Sketch(
        grid=grid,
        means=_rounded(values.means - np.float32(LOWEST_HU), steps.mean) + np.float32(LOWEST_HU),
        smoothing=_rounded(values.smoothing, steps.change),
        across=_rounded(values.across, steps.change),
        median=_rounded(values.median, steps.change),
        border=values.border,
        metal=values.metal,
        steps=steps,
        grain=grain,
    )


def _rounded(values: Array, step: int) -> Array:
    return np.asarray(np.rint(values / step) * step, np.float32)
