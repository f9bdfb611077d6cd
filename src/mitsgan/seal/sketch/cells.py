"""Cells: boxes of voxels, about 4 mm wide, whose means a sketch holds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mitsgan.scan.geometry import Geometry, Vector
from mitsgan.scan.scan import AIR_HU, Scan

CELL_MM = 4.0
"""How wide a cell is, about: half of the smallest nodule that is followed up."""

LOWEST_HU, HIGHEST_HU = AIR_HU, 3071.0
"""HU are clipped to these before a mean is taken: what lies below is padding, what lies above has
no room in 12 bits. The upper end is high on purpose: where bone is clipped, a filter that keeps
every mean would seem to change it."""

DENSER_HU = -900.0
"""More than this is no air."""

METAL_HU = 2500.0
"""From here on a voxel is metal: denser than cortical bone and contrast medium."""

Triple = tuple[int, int, int]


@dataclass(frozen=True)
class CellGrid:
    """How the voxels of a scan are shared out to cells.

    Attributes:
        geometry: of the voxels, in canonical order.
        shape: voxels ``[z, y, x]``.
        cell: voxels of a cell ``[z, y, x]``. The last cell of an axis may be smaller.
    """

    geometry: Geometry
    shape: Triple
    cell: Triple

    @classmethod
    def of(cls, scan: Scan) -> CellGrid:
        """Cells for a scan in canonical order."""
        z, y, x = (
            min(max(1, round(CELL_MM / step)), length)
            for step, length in zip(scan.spacing, scan.shape, strict=True)
        )
        return cls(scan.geometry, scan.shape, (z, y, x))

    @property
    def cells(self) -> Triple:
        """How many cells there are ``[z, y, x]``."""
        z, y, x = (-(-n // side) for n, side in zip(self.shape, self.cell, strict=True))
        return z, y, x

    @property
    def cell_mm(self) -> Vector:
        """Sides of a whole cell ``[z, y, x]``."""
        z, y, x = (n * mm for n, mm in zip(self.cell, self.geometry.spacing, strict=True))
        return z, y, x

    @property
    def cell_geometry(self) -> Geometry:
        """Where the cells lie, the last ones of an axis as if they were whole."""
        return Geometry(self.cell_mm, self.to_world((0, 0, 0)), self.geometry.axes)

    @property
    def cell_ml(self) -> float:
        """Volume of a whole cell."""
        matrix = self.geometry.matrix * np.asarray(self.cell)[:, None]
        return float(abs(np.linalg.det(matrix))) / 1000

    @property
    def thin(self) -> NDArray[np.bool_]:
        """The last cells of rows and columns where they are less than half as wide as the others.

        Their means are of few voxels, and stray further than those of all that they are compared
        with.
        """
        rows, columns = (self.voxels_along(axis) < self.cell[axis] / 2 for axis in (1, 2))
        return np.asarray(np.broadcast_to(rows[:, None] | columns, self.cells))

    def voxels_along(self, axis: int) -> NDArray[np.int64]:
        """How many voxels each cell has along an axis."""
        edges = np.arange(0, self.shape[axis], self.cell[axis])
        return np.diff(np.append(edges, self.shape[axis]))

    def voxels(self, box: tuple[slice, slice, slice]) -> tuple[slice, slice, slice]:
        """The voxels of a box of cells."""
        z, y, x = (
            slice(part.start * side, min(part.stop * side, length))
            for part, side, length in zip(box, self.cell, self.shape, strict=True)
        )
        return z, y, x

    def to_world(self, cell: tuple[float, float, float]) -> Vector:
        """Where the middle of a cell lies, LPS mm; ``cell`` may be fractional."""
        return self.geometry.to_world(
            [(i + 0.5) * side - 0.5 for i, side in zip(cell, self.cell, strict=True)]
        )


def rim(shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """The outermost cells of rows and columns.

    What filters make of them depends on what they take for the voxels beyond.
    """
    outermost = np.ones(shape, np.bool_)
    outermost[:, 1:-1, 1:-1] = False
    return outermost
