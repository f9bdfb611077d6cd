"""What a CT scan is: stored values, their meaning in HU, and where they lie in the patient.

Arrays are ``[z, y, x]``; z ascends along the slice normal.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mitsgan.errors import ScanError, counted
from mitsgan.scan.geometry import AXIAL, Axes, Geometry, Vector
from mitsgan.scan.order import UNCHANGED, AxisOrder
from mitsgan.scan.source import Source

__all__ = ["AIR_HU", "Geometry", "Scan"]

AIR_HU = -1024.0
"""Below this a voxel is padding whatever the header says: nothing is less dense than air."""

_FLOAT_BYTES = (4, 8)
"""Of floats that files of images hold."""


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

    @classmethod
    def from_hu(
        cls,
        array: ArrayLike,
        spacing_mm: Vector,
        *,
        origin_mm: Vector = (0.0, 0.0, 0.0),
        axes: Axes = AXIAL,
        plausible: bool = True,
    ) -> Scan:
        """A scan of an array in HU.

        Args:
            array: ``[z, y, x]`` in HU, integers or floats; copied. Integers stay integers; floats
                that no format holds are kept in single (half) or double precision (long).
            spacing_mm: of voxels, ``[z, y, x]``.
            origin_mm: the centre of voxel ``[0, 0, 0]``, LPS.
            axes: the LPS unit vectors along which z, y and x grow; by default to the head, the
                back and the patient's left.
            plausible: refuse values that cannot be a CT in HU, such as those of a normalised image.

        Raises:
            ScanError: no such array, one of which voxels are masked, values that cannot be a CT in
                HU, a spacing that is none, or axes that are no unit vectors.

        Examples:
            >>> import numpy as np
            >>> from mitsgan import Scan
            >>> scan = Scan.from_hu(np.linspace(-1000, 400, 64).reshape(4, 4, 4), (2.5, 0.7, 0.7))
            >>> scan.shape, scan.spacing
            ((4, 4, 4), (2.5, 0.7, 0.7))
        """
        masked = int(np.count_nonzero(array.mask)) if isinstance(array, np.ma.MaskedArray) else 0
        if masked:  # NumPy would give what lies under the mask, which means nothing
            raise ScanError(
                f"{counted(masked, 'voxel')} of the array {'is' if masked == 1 else 'are'} masked, "
                "and a scan has a value in each: fill them with what they are to be, such as air, "
                "`array.filled(-1000)`"
            )
        try:
            hu = np.asarray(array).copy()
        except (TypeError, ValueError, RuntimeError) as error:
            raise ScanError(
                f"a scan is an array [z, y, x] of integers or floats in HU, found "
                f"{type(array).__name__} that NumPy does not take ({error}); of a tensor give "
                "`tensor.detach().cpu().float().numpy()`"
            ) from error
        if hu.dtype.kind == "f" and hu.dtype.itemsize not in _FLOAT_BYTES:
            hu = hu.astype(np.float32 if hu.dtype.itemsize < min(_FLOAT_BYTES) else np.float64)
        geometry = Geometry(spacing_mm, origin_mm, axes)
        geometry.check_axes()
        return cls._of_hu(hu, geometry, plausible)

    @classmethod
    def from_sitk(cls, image: Any, *, plausible: bool = True) -> Scan:
        """A scan of a ``SimpleITK.Image`` in HU; see `from_hu`.

        Raises:
            ScanError: not three dimensions of one grey value, or values that are no CT in HU.
        """
        from mitsgan.scan.sitk import voxels_of

        return cls._of_hu(*voxels_of(image), plausible)

    def to_sitk(self) -> Any:
        """A ``SimpleITK.Image`` in HU, in the order of the file that the scan was read from."""
        from mitsgan.scan.sitk import to_sitk

        return to_sitk(self)

    @classmethod
    def _of_hu(cls, hu: NDArray[Any], geometry: Geometry, plausible: bool) -> Scan:
        from mitsgan.scan.plausible import check_plausible

        if hu.ndim != 3 or hu.dtype.kind not in "iuf":
            raise ScanError(
                f"a scan is an array [z, y, x] of integers or floats in HU, found {hu.dtype} of "
                f"shape {hu.shape}"
            )
        scan = cls.of_image(hu, geometry, None)
        if plausible:
            check_plausible(scan, "the array", "`plausible=False`")
        return scan

    @classmethod
    def of_image(
        cls,
        stored: NDArray[Any],
        geometry: Geometry,
        source: Source | None,
        slope: float = 1.0,
        intercept: float = 0.0,
    ) -> Scan:
        """A scan of one rescale for all slices, whose range is that of its dtype.

        Args:
            stored: ``[z, y, x]``; copied only where its bytes have to be rearranged.
            geometry: where the voxels lie.
            source: where they came from, or None.
            slope, intercept: HU = stored * slope + intercept.
        """
        stored = np.ascontiguousarray(stored, stored.dtype.newbyteorder("="))
        info = np.iinfo(stored.dtype) if stored.dtype.kind in "iu" else np.finfo(stored.dtype)
        return cls(
            stored=stored,
            slope=np.full(len(stored), slope),
            intercept=np.full(len(stored), intercept),
            lowest=float(info.min),
            highest=float(info.max),
            geometry=geometry,
            source=source,
        )

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

    def nearest_stored(
        self, hu: NDArray[np.floating[Any]], start: int = 0, stop: int | None = None
    ) -> NDArray[Any]:
        """The stored values nearest to ``hu``, ``[z, y, x]``, of slices ``start:stop``."""
        value = hu - self.intercept[start:stop, None, None]
        value /= self.slope[start:stop, None, None]
        if self.is_integer:
            np.rint(value, out=value)
        stored: NDArray[Any] = np.clip(value, *self.stored_range(start, stop))
        return stored.astype(self.stored.dtype)

    def with_hu(self, hu: NDArray[np.floating[Any]]) -> Scan:
        """The same scan with the stored values nearest to ``hu``, ``[z, y, x]``; padding stays.

        Raises:
            ScanError: another shape.
        """
        if hu.shape != self.shape:
            raise ScanError(f"expected HU of shape {self.shape} [z, y, x], found {hu.shape}")
        return self.with_stored(np.where(self.is_padding(), self.stored, self.nearest_stored(hu)))
