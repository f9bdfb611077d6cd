"""What a CT scan is: stored integers, their meaning in HU, and where they lie in the patient.

Arrays are ``[z, y, x]``; z ascends along the slice normal. World coordinates are LPS, in mm.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mitsgan.errors import ScanError
from mitsgan.scan.order import UNCHANGED, AxisOrder
from mitsgan.scan.source import Source

AIR_HU = -1024.0
"""Below this a voxel is padding whatever the header says: nothing is less dense than air."""


@dataclass(frozen=True)
class Geometry:
    """Where voxels lie: spacing in mm ``[z, y, x]``, origin and axes in LPS mm.

    ``axes[i]`` is the LPS unit vector along which array axis ``i`` (z, y, x) grows; they need not
    be at right angles. ``spacing[i]`` is measured along it. ``origin`` is the centre of voxel
    ``[0, 0, 0]``.
    """

    spacing: tuple[float, float, float]
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0)
    axes: tuple[tuple[float, float, float], ...] = (
        (0.0, 0.0, 1.0),
        (0.0, 1.0, 0.0),
        (1.0, 0.0, 0.0),
    )

    def __post_init__(self) -> None:
        if not all(np.isfinite(s) and s > 0 for s in self.spacing):
            raise ScanError(f"voxel spacing must be positive, found {self.spacing} mm [z, y, x]")
        if not np.isfinite([*self.origin, *np.ravel(self.axes)]).all():
            raise ScanError(f"geometry is not finite: origin {self.origin}, axes {self.axes}")

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


@dataclass(frozen=True, eq=False)
class Scan:
    """A CT scan as it is stored, with what gives the stored values their meaning.

    Attributes:
        stored: ``[z, y, x]``, the stored values, an integer or a floating dtype. Never modified.
        slope, intercept: ``[z]``, HU = stored * slope + intercept, per slice.
        lowest, highest: the stored range that the file can hold (bits stored, signedness): one for
            all slices, or ``[z]``. What lies beyond is never touched.
        geometry: spacing, origin, axes.
        padding: inclusive range of stored values that mean "no data", or None.
        source: where it came from; holds what the writer of its format needs besides.
        order: how the axes of ``stored`` lie in those of the file, see `mitsgan.scan.canonical`.
        notes: what whoever reads the result should know about the input, a sentence each.
    """

    stored: NDArray[Any]
    slope: NDArray[np.float64]
    intercept: NDArray[np.float64]
    lowest: float | NDArray[np.float64]
    highest: float | NDArray[np.float64]
    geometry: Geometry
    padding: tuple[float, float] | None = None
    source: Source | None = None
    order: AxisOrder = UNCHANGED
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.stored.ndim != 3 or 0 in self.stored.shape:
            raise ScanError(f"a scan is [z, y, x], found an array of shape {self.stored.shape}")
        if self.stored.dtype.kind not in "iuf":
            raise ScanError(f"voxels must be integers or floats, found {self.stored.dtype}")
        if self.slope.shape != (len(self.stored),) or self.intercept.shape != self.slope.shape:
            raise ScanError("slope and intercept must have one value per slice")
        for limit in (self.lowest, self.highest):
            if np.ndim(limit) and np.shape(limit) != self.slope.shape:
                raise ScanError("the stored range must be one for all slices, or one per slice")
        if not (np.isfinite(self.slope).all() and np.isfinite(self.intercept).all()):
            raise ScanError("rescale slope and intercept must be finite")
        if not (self.slope > 0).all():
            raise ScanError(f"rescale slope must be positive, found {self.slope.min()}")

    @property
    def shape(self) -> tuple[int, int, int]:
        z, y, x = self.stored.shape
        return z, y, x

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Voxel spacing in mm ``[z, y, x]``."""
        return self.geometry.spacing

    @property
    def is_integer(self) -> bool:
        return self.stored.dtype.kind in "iu"

    def stored_range(
        self, start: int = 0, stop: int | None = None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lowest and highest stored value of slices ``start:stop``: ``[z, 1, 1]`` each."""
        depth = len(self.stored)
        low, high = (
            np.broadcast_to(np.asarray(limit, np.float64), (depth,))[start:stop, None, None]
            for limit in (self.lowest, self.highest)
        )
        return low, high

    def hu(
        self,
        start: int = 0,
        stop: int | None = None,
        box: tuple[slice, slice] = (slice(None), slice(None)),
    ) -> NDArray[np.float32]:
        """Slices ``start:stop`` in HU, float32 ``[z, y, x]``, of them the rows and columns ``box``.

        A new array.
        """
        slope = self.slope[start:stop].astype(np.float32)[:, None, None]
        intercept = self.intercept[start:stop].astype(np.float32)[:, None, None]
        hu: NDArray[np.float32] = self.stored[start:stop, *box].astype(np.float32)
        if (slope != 1).any():
            hu *= slope
        if intercept.any():
            hu += intercept
        return hu

    def is_padding(
        self,
        start: int = 0,
        stop: int | None = None,
        box: tuple[slice, slice] = (slice(None), slice(None)),
    ) -> NDArray[np.bool_]:
        """Which voxels of slices ``start:stop`` are never touched.

        Those outside the reconstruction, and those whose value lies beyond the stored range that
        the file declares. Of them the rows and columns ``box``.
        """
        stored = self.stored[start:stop, *box]
        slope = self.slope[start:stop, None, None]
        air = (AIR_HU - self.intercept[start:stop, None, None]) / slope
        low, high = self.padding or (0.0, -1.0)
        if self.is_integer:  # whole limits: integers are compared without a copy as floats
            air, low, high = np.ceil(air).astype(np.int32), math.ceil(low), math.floor(high)
        mask: NDArray[np.bool_] = stored < (
            air.flat[0].item() if (air == air.flat[0]).all() else air
        )
        if low <= high and high >= np.min(air):  # what is less than air is in already
            mask |= (stored >= low) & (stored <= high)
        if not self.is_integer:
            mask |= ~np.isfinite(stored)
        elif self._has_values_beyond:
            least, most = self.stored_range(start, stop)
            mask |= (stored < least) | (stored > most)
        return mask

    @cached_property
    def _has_values_beyond(self) -> bool:
        info = np.iinfo(self.stored.dtype)
        if np.all(np.less_equal(self.lowest, info.min) & np.greater_equal(self.highest, info.max)):
            return False
        low, high = self.stored_range()
        return bool(
            (self.stored.min((1, 2)) < low.ravel()).any()
            or (self.stored.max((1, 2)) > high.ravel()).any()
        )

    def with_slices(self, stored: NDArray[Any], start: int, stop: int) -> Scan:
        """Slices ``start:stop`` as a scan of their own, with other stored values."""
        low, high = (
            limit if isinstance(limit, float | int) else limit[start:stop]
            for limit in (self.lowest, self.highest)
        )
        return replace(
            self,
            stored=stored,
            slope=self.slope[start:stop],
            intercept=self.intercept[start:stop],
            lowest=low,
            highest=high,
            geometry=replace(self.geometry, origin=self.geometry.to_world((start, 0, 0))),
            source=None,
            order=UNCHANGED,
            notes=(),
        )

    def with_stored(self, stored: NDArray[Any]) -> Scan:
        """The same scan with other stored values, of the same shape and dtype."""
        if stored.shape != self.stored.shape or stored.dtype != self.stored.dtype:
            raise ScanError(
                f"expected {self.stored.dtype} of shape {self.stored.shape}, "
                f"found {stored.dtype} of shape {stored.shape}"
            )
        return replace(self, stored=stored)
