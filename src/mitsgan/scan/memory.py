"""Scans of arrays: nothing but voxels and geometry, as image files have it, too."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mitsgan.errors import ScanError
from mitsgan.scan.geometry import Geometry
from mitsgan.scan.plausible import check_plausible
from mitsgan.scan.scan import Scan
from mitsgan.scan.source import Source


def from_hu(array: ArrayLike, geometry: Geometry, *, plausible: bool = True) -> Scan:
    """See `Scan.from_hu`."""
    hu = np.array(array)
    if hu.ndim != 3 or hu.dtype.kind not in "iuf":
        raise ScanError(
            f"a scan is an array [z, y, x] of integers or floats in HU, found {hu.dtype} of shape "
            f"{hu.shape}"
        )
    scan = image_scan(hu, geometry, None)
    if plausible:
        check_plausible(scan, "the array", "`plausible=False`")
    return scan


def image_scan(
    stored: NDArray[Any],
    geometry: Geometry,
    source: Source | None,
    slope: float = 1.0,
    intercept: float = 0.0,
) -> Scan:
    """A scan of one rescale for all slices, whose range is that of its dtype."""
    stored = np.ascontiguousarray(stored, stored.dtype.newbyteorder("="))
    info = np.iinfo(stored.dtype) if stored.dtype.kind in "iu" else np.finfo(stored.dtype)
    return Scan(
        stored=stored,
        slope=np.full(len(stored), slope),
        intercept=np.full(len(stored), intercept),
        lowest=float(info.min),
        highest=float(info.max),
        geometry=geometry,
        source=source,
    )


def in_hu(scan: Scan) -> NDArray[Any]:
    """The voxels in HU, ``[z, y, x]``.

    The stored values themselves where they are HU already, integers where every HU is one, else
    float32.
    """
    if (scan.slope == 1).all() and (scan.intercept == 0).all():
        return scan.stored
    whole = bool((scan.slope % 1 == 0).all() and (scan.intercept % 1 == 0).all())
    if not (scan.is_integer and whole):
        return scan.hu()
    values = scan.stored.astype(np.int64)
    values *= scan.slope.astype(np.int64)[:, None, None]
    values += scan.intercept.astype(np.int64)[:, None, None]
    fits = np.iinfo(np.int16).min <= values.min() and values.max() <= np.iinfo(np.int16).max
    return values.astype(np.int16 if fits else np.int32)
