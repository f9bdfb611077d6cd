"""The arithmetic of the purifiers: HU ``[z, y, x]`` in, HU of the same shape out.

Each works slice by slice where it can, so that beside input and result it holds a few slices
only; resampling needs the volume once more on its own grid.
"""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

import numpy as np
import SimpleITK as sitk  # noqa: N813 - its own habit
from numpy.typing import NDArray
from openjpeg.utils import decode, encode_array
from scipy import ndimage
from skimage.restoration import denoise_nl_means

Array = NDArray[np.float32]
Spacing = tuple[float, float, float]

WINDOW_HU = (-1350.0, 150.0)
"""The lung window of centre -600 and width 1500 HU; one of its 256 levels is 5.9 HU."""

TWELVE_BIT_HU = -1024.0
"""What 0 of a 12-bit CT stands for; 4095 is 3071 HU."""


def round_to_window(hu: Array) -> Array:
    """Round to the 256 grey levels of `WINDOW_HU`."""
    return _through_window(hu, lambda levels: levels)


def jpeg(hu: Array, quality: int) -> Array:
    """Baseline JPEG of every slice in `WINDOW_HU`, by Pillow.

    Source: ITU-T T.81; ``quality`` is the scale of the IJG library, 0 to 95.
    """
    from PIL import Image

    def coded(levels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        buffer = BytesIO()
        Image.fromarray(levels).save(buffer, "JPEG", quality=quality)
        return np.asarray(Image.open(buffer), np.uint8)

    return _through_window(hu, coded)


def jpeg2000(hu: Array, ratio: float) -> Array:
    """Irreversible JPEG 2000 of every slice as a 12-bit image, by OpenJPEG.

    The ratio refers to 12 bits a pixel, so 8:1 leaves 1.5; of the 16 bits in which DICOM keeps
    such a pixel that is 10.7:1. Outside -1024..3071 HU nothing changes, as 12 bits have no room.

    Source: ITU-T T.800.
    """

    def coded(plane: Array) -> Array:
        level = np.rint(plane - TWELVE_BIT_HU)
        outside = (level < 0) | (level > 4095)
        image = np.clip(level, 0, 4095).astype(np.uint16)
        data = encode_array(image, bits_stored=12, compression_ratios=[float(ratio)])
        back = decode(data).astype(np.float32) + np.float32(TWELVE_BIT_HU)
        return np.where(outside, plane, back)

    return _by_slice(hu, coded)


def gaussian(hu: Array, sigma: tuple[float, float, float]) -> Array:
    """Gaussian blur, ``sigma`` in voxels ``[z, y, x]``, cut at 4 sigma, edges held."""
    return np.asarray(ndimage.gaussian_filter(hu, sigma, mode="nearest", truncate=4.0))


def median(hu: Array) -> Array:
    """Median of 3 x 3 pixels in every slice, edges held."""

    def filtered(plane: Array) -> Array:
        image = sitk.Median(sitk.GetImageFromArray(plane), (1, 1))
        return np.asarray(sitk.GetArrayFromImage(image), np.float32)

    return _by_slice(hu, filtered)


def resample_and_back(hu: Array, spacing: Spacing, step_mm: float) -> Array:
    """Linear resampling to voxels of ``step_mm`` on every axis, and back to the first grid."""
    image = sitk.GetImageFromArray(hu)
    image.SetSpacing([float(s) for s in reversed(spacing)])
    size = [
        int(np.ceil((n - 1) * s / step_mm)) + 1
        for n, s in zip(reversed(hu.shape), reversed(spacing), strict=True)
    ]
    grid = sitk.Image(size, sitk.sitkUInt8)
    grid.SetSpacing([step_mm] * 3)
    there = _resampled(image, grid)
    return np.asarray(sitk.GetArrayFromImage(_resampled(there, image)), np.float32)


def average_slices(hu: Array, count: int) -> Array:
    """Mean of ``count`` neighbouring slices, an odd number, edges held."""
    return np.asarray(ndimage.uniform_filter1d(hu, count, axis=0, mode="nearest"))


def add_noise(hu: Array, sigma_hu: float, seed: int) -> Array:
    """White Gaussian noise of ``sigma_hu``; slice z has the random stream of (seed, z)."""
    result = np.empty_like(hu)
    for z in range(len(hu)):
        rng = np.random.default_rng((seed, z))
        noise = rng.standard_normal(hu.shape[1:], np.float32)
        result[z] = hu[z] + np.float32(sigma_hu) * noise
    return result


def non_local_means(hu: Array, sigma_hu: float, patch: int = 2, search: int = 4) -> Array:
    """Non-local means of every slice, edges held.

    A pixel becomes the mean of those up to ``search`` pixels away, each weighed by
    ``exp(-max(d - 2 sigma^2, 0) / sigma^2)``, where d is the mean squared difference of the
    patches (``patch`` pixels to either side) around the two; a weight below exp(-5) is none.

    Source: Buades, Coll, Morel, Image Processing On Line 1 (2011), section 3; sums of patches
    as in Darbon et al., ISBI 2008.
    """
    reach = patch + search

    def filtered(plane: Array) -> Array:
        clean = denoise_nl_means(
            np.pad(plane, reach, mode="edge"),
            patch_size=2 * patch + 1,
            patch_distance=search,
            h=sigma_hu,
            sigma=sigma_hu,
            fast_mode=True,
            preserve_range=True,
        )
        return np.asarray(clean[reach:-reach, reach:-reach], np.float32)

    return _by_slice(hu, filtered)


def _by_slice(hu: Array, change: Callable[[Array], Array]) -> Array:
    result = np.empty_like(hu)
    for z, plane in enumerate(hu):
        result[z] = change(np.ascontiguousarray(plane))
    return result


def _through_window(hu: Array, coded: Callable[[NDArray[np.uint8]], NDArray[np.uint8]]) -> Array:
    """Grey levels of `WINDOW_HU` and back; what lies outside the window is kept.

    An image of the window cannot hold bone. Whoever purifies a CT to pass it on as a CT would
    keep it, or everybody would see.
    """
    low, high = WINDOW_HU
    step = np.float32((high - low) / 255)

    def change(plane: Array) -> Array:
        levels = np.rint((np.clip(plane, low, high) - np.float32(low)) / step).astype(np.uint8)
        back = coded(levels).astype(np.float32) * step + np.float32(low)
        return np.where((plane < low) | (plane > high), plane, back)

    return _by_slice(hu, change)


def _resampled(image: sitk.Image, grid: sitk.Image) -> sitk.Image:
    return sitk.Resample(
        image,
        grid,
        sitk.Transform(),
        sitk.sitkLinear,
        0.0,
        sitk.sitkFloat32,
        True,  # beyond the last sample its value holds, instead of zero
    )
