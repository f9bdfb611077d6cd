"""Homogeneous places of a body, and the noise in them: mean, deviation, spectrum."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from mitsgan.scan.scan import Scan

Array = NDArray[np.float64]

SIDE_MM = 20.0
"""Side of a patch: fits into the aorta, the liver, the large muscles."""

FEWEST = 8
"""Fewer patches say nothing about a scan."""

_MEAN_HU = (0.0, 130.0)  # blood, muscle, liver, with contrast medium or without
_EVERY_MM = 5.0
_PER_SLICE = 4
_MOST = 48
_SMALLEST_SPECTRUM = 16


@dataclass(frozen=True)
class Patches:
    """Squares of soft tissue in which little but noise varies.

    Attributes:
        places: first voxel ``[z, y, x]`` of each.
        size: pixels ``[y, x]``.
    """

    places: tuple[tuple[int, int, int], ...]
    size: tuple[int, int]

    def values(self, scan: Scan, shift: int = 0) -> Array:
        """``[n, y, x]`` in HU, ``shift`` slices further up."""
        height, width = self.size
        patches = [
            scan.hu(z + shift, z + shift + 1, (slice(y, y + height), slice(x, x + width)))[0]
            for z, y, x in self.places
        ]
        return np.asarray(patches, np.float64).reshape(len(patches), height, width)


def find_patches(scan: Scan) -> Patches:
    """The 20 mm squares of soft tissue (mean 0 to 130 HU) that deviate least, up to 48.

    Every 5 mm along z, at most four per slice, none overlapping another of its slice. Fewer, or
    none, where a scan has no such places.
    """
    height, width = (
        min(max(2, round(SIDE_MM / s)), n)
        for s, n in zip(scan.spacing[1:], scan.shape[1:], strict=True)
    )
    candidates: list[tuple[float, tuple[int, int, int]]] = []
    for z in range(0, scan.shape[0], max(1, round(_EVERY_MM / scan.spacing[0]))):
        values = scan.hu(z, z + 1)[0].astype(np.float64)
        known = np.isfinite(values)
        hu = np.where(known, values, -1024.0)
        mean, square = (_box_mean(v, height, width) for v in (hu, hu * hu))
        deviation = np.sqrt(np.maximum(square - mean * mean, 0))
        deviation[(mean < _MEAN_HU[0]) | (mean > _MEAN_HU[1])] = np.inf
        if not known.all():
            deviation[_box_mean((~known).astype(np.float64), height, width) > 0] = np.inf
        for _ in range(_PER_SLICE):
            y, x = (int(i) for i in np.unravel_index(deviation.argmin(), deviation.shape))
            lowest = float(deviation[y, x])
            if not math.isfinite(lowest):
                break
            candidates.append((lowest, (z, y, x)))
            deviation[max(0, y - height + 1) : y + height, max(0, x - width + 1) : x + width] = (
                np.inf
            )
    return Patches(tuple(place for _, place in sorted(candidates)[:_MOST]), (height, width))


@dataclass(frozen=True)
class Spectrum:
    """Radial noise power spectrum in the axial plane.

    Attributes:
        frequency: middle of each ring, 1/mm.
        power: HU^2 mm^2.
        area: over both frequencies, that is the variance, HU^2.
    """

    frequency: Array
    power: Array
    area: float

    @property
    def peak(self) -> float:
        """Frequency of the strongest ring, 1/mm."""
        return float(self.frequency[self.power.argmax()])

    @property
    def mean(self) -> float:
        """Mean frequency, weighted by power, 1/mm."""
        return float((self.frequency * self.power).sum() / self.power.sum())


def noise_spectrum(values: Array, spacing: tuple[float, float, float]) -> Spectrum | None:
    """Noise power spectrum of patches ``[n, y, x]`` in HU, a quadratic surface taken off each.

    None where patches have fewer than 16 pixels a side, or nothing varies in them.

    Source: ICRU Report 87, Radiation dose and image-quality assessment in CT, 2012.
    """
    _, height, width = values.shape
    if not len(values) or min(height, width) < _SMALLEST_SPECTRUM:
        return None
    dy, dx = spacing[1:]
    power = np.abs(np.fft.fft2(detrended(values))) ** 2
    power = power.mean(0) * dy * dx / (height * width)
    radius = np.hypot(
        *np.meshgrid(np.fft.fftfreq(height, dy), np.fft.fftfreq(width, dx), indexing="ij")
    )
    step = max(1 / (height * dy), 1 / (width * dx))
    rings = int(0.5 / max(dy, dx) / step)
    ring = np.rint(radius / step).astype(np.int64)
    # The first ring is what the surface took away.
    inside = (ring >= 1) & (ring <= rings)
    count = np.bincount(ring[inside], minlength=rings + 1)[1:]
    total = np.bincount(ring[inside], power[inside], minlength=rings + 1)[1:]
    area = float(power.sum() / (height * dy * width * dx))
    if area <= 0:
        return None
    return Spectrum(step * np.arange(1, rings + 1), total / count, area)


def detrended(values: Array) -> Array:
    """Patches ``[n, y, x]`` less the quadratic surface that fits each best."""
    _, height, width = values.shape
    y, x = (
        v.ravel()
        for v in np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    )
    basis, _ = np.linalg.qr(np.stack([np.ones_like(y), y, x, y * y, x * y, x * x], 1))
    flat = values.reshape(len(values), -1)
    left: Array = (flat - flat @ basis @ basis.T).reshape(values.shape)
    return left


def neighbour_correlation(scan: Scan, patches: Patches) -> float:
    """Correlation of the noise between a slice and the next, 0 where there is none."""
    inner = Patches(tuple(p for p in patches.places if p[0] + 1 < scan.shape[0]), patches.size)
    if not inner.places:
        return 0.0
    here, above = (inner.values(scan, shift) for shift in (0, 1))
    known = np.isfinite(here).all((1, 2)) & np.isfinite(above).all((1, 2))
    a, b = (detrended(values[known]) for values in (here, above))
    energy = math.sqrt(float((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / energy if energy else 0.0


def _box_mean(values: Array, height: int, width: int) -> Array:
    """Means of all rectangles of ``height x width``, by their first pixel."""
    rows, columns = (
        slice(n // 2, m - (n - 1) // 2) for n, m in zip((height, width), values.shape, strict=True)
    )
    return np.asarray(ndimage.uniform_filter(values, (height, width))[rows, columns])
