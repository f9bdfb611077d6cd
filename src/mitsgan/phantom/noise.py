"""The texture of the phantom: what keeps a volume made of formulas from looking like one."""

from __future__ import annotations

import numpy as np

from mitsgan.phantom.shapes import Array

Triple = tuple[float, float, float]


def mottle(
    shape: tuple[int, int, int], spacing: Triple, scale: float, rng: np.random.Generator
) -> Array:
    """White noise blurred by ``scale`` mm (Gaussian sigma), of mean 0 and deviation 1."""
    f2 = _square_frequency(shape, spacing)
    return _coloured(shape, np.exp(-2 * (np.pi * scale) ** 2 * f2), rng)


def scanner_noise(shape: tuple[int, int, int], spacing: Triple, rng: np.random.Generator) -> Array:
    """Noise of mean 0 and standard deviation 1 with the spectrum of filtered backprojection.

    In the plane its amplitude is the reconstruction kernel's: a ramp that a soft cut-off near
    0.45 / mm bends down. Slices of 2 to 3 mm blur into each other a little.
    """
    across = _square_frequency((1, *shape[1:]), spacing)
    along = _square_frequency((shape[0], 1, 1), spacing)[:, :, :1]
    power = np.sqrt(across) * np.exp(-across / 0.45**2) + 0.02
    return _coloured(shape, power * np.exp(-2 * (np.pi * 0.8) ** 2 * along), rng)


def smooth(volume: Array, spacing: Triple, sigma: float) -> Array:
    """Gaussian blur of ``sigma`` mm, edges repeated: the point spread of the scanner."""
    for axis, step in enumerate(spacing):
        reach = min(int(np.ceil(3 * sigma / step)), volume.shape[axis] - 1)
        taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) * step / sigma) ** 2)
        taps /= taps.sum()
        pad = [(reach, reach) if a == axis else (0, 0) for a in range(3)]
        padded = np.pad(volume, pad, mode="edge")
        result = np.zeros_like(volume)
        for i, tap in enumerate(taps):
            part = [slice(None)] * 3
            part[axis] = slice(i, i + volume.shape[axis])
            result += np.float32(tap) * padded[tuple(part)]
        volume = result
    return volume


def _square_frequency(shape: tuple[int, int, int], spacing: Triple) -> Array:
    """Squared spatial frequency in 1/mm^2 on the grid of a real FFT of ``shape``."""
    fz, fy = (np.fft.fftfreq(n, d) for n, d in zip(shape[:2], spacing[:2], strict=True))
    fx = np.fft.rfftfreq(shape[2], spacing[2])
    f2: Array = (fz[:, None, None] ** 2 + fy[:, None] ** 2 + fx**2).astype(np.float32)
    return f2


def _coloured(shape: tuple[int, int, int], amplitude: Array, rng: np.random.Generator) -> Array:
    """White noise whose spectrum is multiplied by ``amplitude``, brought to unit deviation."""
    spectrum = np.fft.rfftn(rng.standard_normal(shape, np.float32))
    spectrum *= amplitude
    field = np.fft.irfftn(spectrum, shape, axes=(0, 1, 2)).astype(np.float32)
    field -= field.mean()
    deviation = float(field.std())
    # One voxel has no deviation, and a scale far beyond the volume leaves hardly any.
    if deviation > 1e-12:
        field /= np.float32(deviation)
    return field
