"""Where the voxels of a scan lie in the patient: world coordinates are LPS, in mm."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mitsgan.errors import ScanError

Vector = tuple[float, float, float]
Axes = tuple[Vector, ...]

AXIAL: Axes = ((0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0))
"""z to the head, y to the back, x to the patient's left."""

_RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
_FLAT = 1e-3
"""Volume of three unit vectors below which they lie in a plane; and how far off 1 one may be."""
_FINEST_MM, _COARSEST_MM = 1e-5, 1e6
"""No scanner is finer, and no patient as large; far beyond these, nothing can be computed."""


@dataclass(frozen=True)
class Geometry:
    """Where voxels lie: spacing in mm ``[z, y, x]``, origin and axes in LPS mm.

    ``axes[i]`` is the LPS unit vector along which array axis ``i`` (z, y, x) grows; they need not
    be at right angles. ``spacing[i]`` is measured along it. ``origin`` is the centre of voxel
    ``[0, 0, 0]``.
    """

    spacing: Vector
    origin: Vector = (0.0, 0.0, 0.0)
    axes: Axes = AXIAL

    def __post_init__(self) -> None:
        given = (self.spacing, self.origin, self.axes)
        try:
            spacing, origin, axes = (np.asarray(value, np.float64).tolist() for value in given)
            shapes = [np.shape(value) for value in (spacing, origin, axes)]
        except (TypeError, ValueError):
            shapes = []
        if shapes != [(3,), (3,), (3, 3)]:
            raise ScanError(
                "spacing and origin are three numbers each and axes three unit vectors, found "
                f"{self.spacing}, {self.origin} and {self.axes}"
            )
        # What libraries give as arrays or tensors is neither compared nor hashed as numbers are.
        object.__setattr__(self, "spacing", tuple(spacing))
        object.__setattr__(self, "origin", tuple(origin))
        object.__setattr__(self, "axes", tuple(tuple(axis) for axis in axes))
        if not all(_FINEST_MM <= s <= _COARSEST_MM for s in self.spacing):
            raise ScanError(
                f"voxel spacing must be from {_FINEST_MM:g} to {_COARSEST_MM:g} mm, found "
                f"{self.spacing} mm [z, y, x]"
            )
        if not np.isfinite([*self.origin, *np.ravel(self.axes)]).all():
            raise ScanError(f"geometry is not finite: origin {self.origin}, axes {self.axes}")

    def check_axes(self) -> None:
        """Raise `ScanError` unless the axes are unit vectors that do not lie in a plane."""
        axes = np.asarray(self.axes)
        lengths = np.linalg.norm(axes, axis=1)
        if np.abs(lengths - 1).max() > _FLAT or abs(np.linalg.det(axes)) < _FLAT:
            raise ScanError(
                f"axes are three unit vectors that span space, found {self.axes}, of lengths "
                f"{', '.join(f'{length:.4g}' for length in lengths)}; a spacing is given apart"
            )

    @classmethod
    def from_affine(cls, affine: ArrayLike) -> Geometry:
        """The geometry that NIfTI, nibabel, MONAI and TorchIO write as an affine.

        Args:
            affine: 4 x 4, from a voxel ``[x, y, z]`` to its centre in RAS mm.

        Raises:
            ScanError: it is no such matrix, or flat.
        """
        matrix = np.asarray(affine, np.float64)
        if matrix.shape != (4, 4):
            raise ScanError(f"an affine is 4 x 4, found shape {matrix.shape}")
        matrix = _RAS_TO_LPS @ matrix
        columns = matrix[:3, :3].T  # of x, y, z
        lengths = np.linalg.norm(columns, axis=1)
        if not (np.isfinite(matrix).all() and (lengths > 0).all()):
            raise ScanError(f"no usable affine: {np.asarray(affine).tolist()}")
        axes = (columns / lengths[:, None])[::-1]
        if abs(np.linalg.det(axes)) < _FLAT:
            raise ScanError(f"an affine that is flat: {np.asarray(affine).tolist()}")
        x, y, z = (float(value) for value in matrix[:3, 3])
        return cls(
            spacing=(float(lengths[2]), float(lengths[1]), float(lengths[0])),
            origin=(x, y, z),
            axes=tuple((float(a), float(b), float(c)) for a, b, c in axes),
        )

    @property
    def affine(self) -> NDArray[np.float64]:
        """4 x 4, from a voxel ``[x, y, z]`` to its centre in RAS mm; see `from_affine`."""
        lps = np.eye(4)
        lps[:3, :3] = self.matrix[::-1].T
        lps[:3, 3] = self.origin
        ras: NDArray[np.float64] = _RAS_TO_LPS @ lps
        return ras

    @property
    def matrix(self) -> NDArray[np.float64]:
        """3 x 3: voxel index ``[z, y, x]`` times this, plus origin, is world LPS in mm."""
        return np.asarray(self.axes, np.float64) * np.asarray(self.spacing, np.float64)[:, None]

    @property
    def normal(self) -> NDArray[np.float64]:
        """The LPS unit vector at right angles to the slices, to the side where z grows."""
        normal = np.cross(self.axes[2], self.axes[1])
        normal /= np.linalg.norm(normal)
        return normal if normal @ np.asarray(self.axes[0]) >= 0 else -normal

    @property
    def layer_mm(self) -> float:
        """How far neighbouring slices lie apart along their normal; less than their spacing where
        the grid is sheared."""
        return float(self.matrix[0] @ self.normal)

    @property
    def shear_degrees(self) -> float:
        """How far any two axes are from being at right angles."""
        a, b, c = np.asarray(self.axes)
        cosine = max(abs(float(a @ b)), abs(float(a @ c)), abs(float(b @ c)))
        return math.degrees(math.asin(min(1.0, cosine)))

    def distance_mm(self, one: Sequence[float], other: Sequence[float]) -> float:
        """How far two voxels ``[z, y, x]`` lie apart."""
        offset = np.subtract(one, other).astype(np.float64) @ self.matrix
        return float(np.linalg.norm(offset))

    def to_world(self, index: Sequence[float]) -> tuple[float, float, float]:
        """Voxel index ``[z, y, x]`` (may be fractional) to LPS mm."""
        x, y, z = np.asarray(index, np.float64) @ self.matrix + np.asarray(self.origin)
        return float(x), float(y), float(z)

    def to_index(self, world: Sequence[float]) -> tuple[float, float, float]:
        """LPS mm to a fractional voxel index ``[z, y, x]``."""
        offset = np.asarray(world, np.float64) - np.asarray(self.origin)
        z, y, x = np.linalg.solve(self.matrix.T, offset)
        return float(z), float(y), float(x)

    def to_voxel(self, world: Sequence[float]) -> tuple[int, int, int]:
        """LPS mm to the nearest voxel ``[z, y, x]``; of a grid without end, so of any sign."""
        z, y, x = (round(i) for i in self.to_index(world))
        return z, y, x
