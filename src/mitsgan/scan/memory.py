"""The voxels of a scan in HU, exactly, for formats that hold nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from mitsgan.scan.scan import Scan


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
