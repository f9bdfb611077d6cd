"""The null of the diagnostic invariants: the original, as if scanned with more noise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mitsgan.evaluate.diagnosis.homogeneous import (
    Patches,
    Spectrum,
    neighbour_correlation,
    noise_spectrum,
)
from mitsgan.evaluate.metrics.regions import RegionOfInterest
from mitsgan.scan.scan import AIR_HU, Scan


@dataclass(frozen=True)
class Level:
    """How strong the noise is in a region: root mean square, HU."""

    region: RegionOfInterest
    rmse_hu: float


def rescan(scan: Scan, levels: Sequence[Level], patches: Patches, seed: int) -> Scan:
    """A scan with Gaussian noise added, coloured as its own noise is.

    In the plane it has the radial noise power spectrum of ``patches``, beyond their highest
    frequency none; from slice to slice the correlation found in them, up to one half. White
    where the patches are too small for a spectrum. Padding stays, no voxel becomes padding.

    Args:
        scan: the original.
        levels: how strong the noise is and where; of regions that overlap the last counts, and
            there is none where there is no region.
        patches: homogeneous places of ``scan``.
        seed: of the noise.

    Returns:
        The scan in memory, without a source. Integers are rounded: noise far below one stored
        step vanishes.
    """
    spectrum = noise_spectrum(patches.values(scan), scan.spacing)
    filtered = _amplitude(scan, spectrum)
    # Mixing neighbouring white slices by cos and sin gives a correlation of cos * sin.
    angle = 0.5 * math.asin(2 * min(max(neighbour_correlation(scan, patches), 0.0), 0.5))
    stored = np.empty_like(scan.stored)
    following = _slice(scan, 0, seed, filtered)
    for z in range(scan.shape[0]):
        current, following = following, _slice(scan, z + 1, seed, filtered)
        noise = math.cos(angle) * current + math.sin(angle) * following
        noise *= _strength(scan, z, levels)
        stored[z] = _added(scan, z, noise)
    return scan.with_slices(stored, 0, scan.shape[0])


def _strength(scan: Scan, z: int, levels: Sequence[Level]) -> NDArray[np.float64]:
    strength = np.zeros(scan.shape[1:])
    for level in levels:
        strength[level.region.mask(scan, z, z + 1)[0]] = level.rmse_hu
    return strength


def _amplitude(scan: Scan, spectrum: Spectrum | None) -> NDArray[np.float64] | None:
    if spectrum is None:
        return None
    (height, width), (dy, dx) = scan.shape[1:], scan.spacing[1:]
    fy, fx = np.fft.fftfreq(height, dy), np.fft.rfftfreq(width, dx)
    radius = np.hypot(fy[:, None], fx)
    frequency = np.concatenate([[0.0], spectrum.frequency])
    power = np.interp(radius, frequency, [0.0, *spectrum.power], right=0.0)
    return np.asarray(np.sqrt(power), np.float64)


def _slice(
    scan: Scan, z: int, seed: int, amplitude: NDArray[np.float64] | None
) -> NDArray[np.float64]:
    """Noise ``[y, x]`` of mean 0 and deviation 1, the same for the same seed and number."""
    white = np.random.default_rng((seed, z)).standard_normal(scan.shape[1:])
    if amplitude is None:
        return white
    coloured = np.fft.irfft2(np.fft.rfft2(white) * amplitude, scan.shape[1:])
    return np.asarray(coloured / coloured.std(), np.float64)


def _added(scan: Scan, z: int, noise: NDArray[np.float64]) -> NDArray[np.generic]:
    stored, slope = scan.stored[z].astype(np.float64), scan.slope[z]
    moved = stored + noise / slope
    if scan.is_integer:
        moved = np.rint(moved)
    air = (AIR_HU - scan.intercept[z]) / slope
    low, high = (limit.item() for limit in scan.stored_range(z, z + 1))
    moved = moved.clip(max(low, math.ceil(air) if scan.is_integer else air), high)
    taken = np.zeros(moved.shape, bool)
    if scan.padding is not None:
        taken = (moved >= scan.padding[0]) & (moved <= scan.padding[1])
    kept = np.where(scan.is_padding(z, z + 1)[0] | taken, stored, moved)
    return np.asarray(kept, scan.stored.dtype)
