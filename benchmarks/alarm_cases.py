"""What benign things an untouched scan goes through, beyond the table of purifiers."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import jpeg_ls
import numpy as np

from mitsgan.evaluate.purify import filters
from mitsgan.evaluate.purify.filters import Array, Spacing
from mitsgan.evaluate.purify.purifiers import PURIFIERS, Purifier

GRAINS_MM = ((1.0, 0.6), (2.0, 0.8), (5.0, 1.0), (2.5, 1.6), (2.5, 2.0), (5.0, 2.5), (3.0, 3.0))
"""Slice distance and pixel spacing of the synthetic chests, mm."""

STRENGTHS_HU = ((3.0, 10.0), (4.0, 10.0), (6.0, 20.0), (8.0, 20.0))
"""Mark and budget of the synthetic chests, HU."""


def near_lossless(hu: Array, error: int) -> Array:
    """JPEG-LS of every slice as a 12-bit image, wrong by up to ``error`` HU, by CharLS.

    Outside -1024..3071 HU nothing changes, as 12 bits have no room. Source: ITU-T T.87.
    """

    def coded(plane: Array) -> Array:
        level = np.rint(plane - filters.TWELVE_BIT_HU)
        outside = (level < 0) | (level > 4095)
        data = jpeg_ls.encode_array(np.clip(level, 0, 4095).astype(np.uint16), lossy_error=error)
        back = jpeg_ls.decode(np.frombuffer(data, np.uint8)).astype(np.float32)
        return np.where(outside, plane, back + np.float32(filters.TWELVE_BIT_HU))

    return np.stack([coded(plane) for plane in hu])


def bilateral(hu: Array, range_hu: float, sigma: float = 1.0, reach: int = 2) -> Array:
    """Mean of the voxels around in the slice, weighted by how near and how alike they are.

    Source: Tomasi and Manduchi, Bilateral filtering for gray and color images, ICCV 1998.

    Args:
        hu: ``[z, y, x]``.
        range_hu: how alike.
        sigma: how near, in voxels.
        reach: of the square around, in voxels.
    """
    result = np.empty_like(hu)
    for z, plane in enumerate(hu):
        wide = np.pad(plane, reach, mode="edge")
        total, weights = np.zeros_like(plane), np.zeros_like(plane)
        for dy in range(2 * reach + 1):
            for dx in range(2 * reach + 1):
                other = wide[dy : dy + plane.shape[0], dx : dx + plane.shape[1]]
                apart = ((dy - reach) ** 2 + (dx - reach) ** 2) / (2 * sigma**2)
                weight = np.exp(-np.square(other - plane) / (2 * range_hu**2) - apart)
                total += weight * other
                weights += weight
        result[z] = total / weights
    return result


def _own(name: str, change: partial[Array], parameters: Mapping[str, float | str]) -> Purifier:
    def apply(hu: Array, spacing: Spacing, seed: int) -> Array:
        return change(hu)

    return Purifier(name, parameters, apply, by_slice=True)


_ROWS = (
    *(
        _own(f"jpeg2000-{ratio}", partial(filters.jpeg2000, ratio=ratio), {"ratio": ratio})
        for ratio in (4, 6, 16)
    ),
    _own("jpeg-97", partial(filters.jpeg, quality=97), {"quality": 97}),
    *(
        _own(f"jpegls-{error}", partial(near_lossless, error=error), {"largest error, HU": error})
        for error in (2, 5)
    ),
    _own("bilateral", partial(bilateral, range_hu=30.0), {"range, HU": 30.0, "sigma, voxels": 1.0}),
)

_TABLE = (
    "rounding",
    "jpeg2000-8",
    "jpeg2000-12",
    "jpeg-90",
    "blur-0.5mm",
    "blur-1voxel",
    "median",
    "resample-1mm",
    "slice-average-3",
    "noise-10hu",
)

BENIGN: Mapping[str, Purifier] = {
    row.name: row for row in (*_ROWS, *(PURIFIERS[name] for name in _TABLE))
}
"""Every one by its name."""
