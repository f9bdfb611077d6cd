"""Structural similarity at every pixel, fast enough for whole scans in several windows.

The same numbers as torchmetrics, whose convolution with a full 11 x 11 kernel takes several
times as long; a test holds the two together.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mitsgan.evaluate.metrics.windows import Window

Array = NDArray[np.float32]
Wide = NDArray[np.float64]

_BORDER = 5
_SIGMA = 1.5
_K1, _K2 = 0.01, 0.03


def ssim_map(a: Array, b: Array, window: Window) -> Array:
    """Structural similarity of slices ``[z, y, x]`` in HU, clipped to a window.

    The pixels are weighted by a Gaussian of sigma 1.5 pixels, cut off at 5. A window that clips is
    a grey scale, whose black is 0; the whole range of HU is taken as it is, so that its zero is
    water.

    Args:
        a, b: at least 6 pixels a side.
        window: range and data range.

    Source: Wang et al., IEEE Trans. Image Processing 13(4), 2004.
    """
    black = window.low if window.clips else 0.0
    # Variance is a small difference of squares of a thousand HU: single precision loses it.
    x, y = (window.clip(v).astype(np.float64) - black for v in (a, b))
    mean_x, mean_y = _blurred(x), _blurred(y)
    product = mean_x * mean_y
    squares = mean_x * mean_x + mean_y * mean_y
    covariance = _blurred(x * y) - product
    variances = _blurred(x * x + y * y) - squares
    c1, c2 = ((k * window.data_range) ** 2 for k in (_K1, _K2))
    similar = ((2 * product + c1) * (2 * covariance + c2)) / ((squares + c1) * (variances + c2))
    return np.asarray(similar, np.float32)


def _blurred(values: Wide) -> Wide:
    """Weighted means around every pixel, the picture mirrored at its edges."""
    taps = np.exp(-0.5 * (np.arange(-_BORDER, _BORDER + 1) / _SIGMA) ** 2)
    taps /= taps.sum()
    for axis in (1, 2):
        pad = [(_BORDER, _BORDER) if a == axis else (0, 0) for a in range(3)]
        padded = np.pad(values, pad, mode="reflect")
        part = [slice(None)] * 3
        total = np.zeros_like(values)
        for i, tap in enumerate(taps):
            part[axis] = slice(i, i + values.shape[axis])
            total += tap * padded[tuple(part)]
        values = total
    return values
