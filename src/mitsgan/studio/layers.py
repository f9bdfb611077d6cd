"""What is drawn over a scan: values on a grid of their own, looked up in a plane of any scan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from mitsgan.scan.geometry import Geometry

T = TypeVar("T", bound=np.generic)
Plane = Literal["axial", "coronal", "sagittal"]

PLANES: dict[Plane, tuple[int, int, int]] = {
    "axial": (0, 1, 2),
    "coronal": (1, 0, 2),
    "sagittal": (2, 0, 1),
}
"""Of each plane, the axis along which it is stacked, that of its rows and that of its columns."""


@dataclass(frozen=True, eq=False)
class CellLayer:
    """Values of cells.

    Attributes:
        values: ``[z, y, x]``, 0 nothing to 255 all of it.
        geometry: where the middles of the cells lie.
    """

    values: NDArray[np.uint8]
    geometry: Geometry

    def in_plane(
        self, geometry: Geometry, shape: tuple[int, int, int], plane: Plane, index: int
    ) -> NDArray[np.uint8]:
        """The values of the cells nearest to the voxels of a plane, ``[rows, columns]``.

        Args:
            geometry, shape: of the scan that the plane belongs to; any scan of the patient.
            plane: which.
            index: its number along its axis.
        """
        along, down, across = PLANES[plane]
        grid = np.zeros((shape[down], shape[across], 3))
        grid[..., along] = index
        grid[..., down] = np.arange(shape[down])[:, None]
        grid[..., across] = np.arange(shape[across])[None, :]
        inverse = np.linalg.inv(self.geometry.matrix)
        offset = np.subtract(geometry.origin, self.geometry.origin) @ inverse
        cells = np.rint(grid @ (geometry.matrix @ inverse) + offset).astype(np.int64)
        inside = ((cells >= 0) & (cells < self.values.shape)).all(-1)
        z, y, x = np.moveaxis(np.where(inside[..., None], cells, 0), -1, 0)
        return as_shown(np.where(inside, self.values[z, y, x], 0).astype(np.uint8), plane)


def as_shown(values: NDArray[T], plane: Plane) -> NDArray[T]:
    """``[rows, columns]`` with the head on top."""
    return values if plane == "axial" else values[::-1]
