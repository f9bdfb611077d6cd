"""Voxels ``[x, y, z]`` with an affine to RAS, as MONAI and TorchIO have them, and scans.

Scans are ``[z, y, x]`` in LPS. Their tensors are of floats even where the file held whole HU; a
protected scan of floats is not rounded, so that it would differ from that of the file. Whole
numbers are therefore taken for the integers that they were read from.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mitsgan.errors import ScanError
from mitsgan.scan.geometry import Geometry
from mitsgan.scan.order import AxisOrder
from mitsgan.scan.plausible import check_plausible
from mitsgan.scan.scan import Scan
from mitsgan.scan.source import Source

_LEAST_BYTES = 4
"""Narrower floats cannot hold every HU of a CT."""


def scan_of_channel(
    voxels: NDArray[Any],
    affine: NDArray[Any],
    remedy: str,
    *,
    plausible: bool = True,
    source: Source | None = None,
) -> Scan:
    """The scan of an image with one channel.

    Args:
        voxels: ``[1, x, y, z]`` in HU; copied.
        affine: 4 x 4, from a voxel ``[x, y, z]`` to RAS mm.
        remedy: how the host gives an image this form, for messages.
        plausible: refuse values that cannot be a CT in HU.
        source: of the scan.

    Raises:
        ScanError: another form, a dtype that cannot hold HU, or values that cannot be HU.
    """
    if voxels.ndim != 4 or len(voxels) != 1:
        raise ScanError(
            f"expected one channel of a volume, [1, x, y, z], found shape {voxels.shape}; {remedy}"
        )
    if voxels.dtype.kind == "f" and voxels.dtype.itemsize < _LEAST_BYTES:
        raise ScanError(
            f"{voxels.dtype} cannot hold every HU of a CT; give float32 or whole numbers"
        )
    stored = _whole(np.array(voxels[0].transpose(2, 1, 0), order="C"))
    scan = Scan.of_image(stored, Geometry.from_affine(affine), source)
    if plausible:
        check_plausible(scan, "the image", "`plausible=False`")
    return scan


def channel_of_voxels(voxels: NDArray[Any], order: AxisOrder, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Voxels of a scan, or of a map of it, as ``[1, x, y, z]`` in the order of its image.

    Args:
        voxels: ``[z, y, x]``.
        order: of the scan that was made of the image, see `mitsgan.scan.canonical`.
        dtype: of the image.
    """
    stored = order.inverse().arrange(voxels)
    return np.ascontiguousarray(stored.transpose(2, 1, 0)[None]).astype(dtype, copy=False)


def _whole(values: NDArray[Any]) -> NDArray[Any]:
    """Floats that are all whole numbers as the integers of a file; others as they are."""
    if values.dtype.kind != "f":
        return values
    with np.errstate(invalid="ignore"):  # of values that are no numbers
        whole = bool((values == np.rint(values)).all()) and bool(np.isfinite(values).all())
    if not whole:
        return values
    for kind in (np.int16, np.int32):
        if np.iinfo(kind).min <= values.min() and values.max() <= np.iinfo(kind).max:
            return values.astype(kind)
    return values
