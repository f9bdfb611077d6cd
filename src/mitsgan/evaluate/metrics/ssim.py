"""Structural similarity at every pixel, by scikit-image.

The same numbers as torchmetrics gives, several times as fast; a test holds the two together.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from skimage.metrics import structural_similarity

from mitsgan.evaluate.metrics.windows import GreyWindow

Array = NDArray[np.float32]

_BORDER = 5
"""Pixels that the Gaussian reaches to either side: 3.5 sigma."""

_SIGMA = 1.5


def ssim_map(a: Array, b: Array, window: GreyWindow) -> Array:
    """Structural similarity of slices ``[z, y, x]`` in HU, clipped to a window.

    The pixels are weighted by a Gaussian of sigma 1.5 pixels, cut off at 5, the picture mirrored
    at its edges. A window that clips is a grey scale, whose black is 0; the whole range of HU is
    taken as it is, so that its zero is water.

    Args:
        a, b: at least 6 pixels a side.
        window: range and data range.

    Source: Wang et al., IEEE Trans. Image Processing 13(4), 2004.
    """
    black = window.low if window.clips else 0.0
    # Variance is a small difference of squares of a thousand HU: single precision loses it.
    x, y = (_mirrored(window.clip(v).astype(np.float64) - black) for v in (a, b))
    _, similar = structural_similarity(
        x,
        y,
        data_range=window.data_range,
        gaussian_weights=True,
        sigma=_SIGMA,
        use_sample_covariance=False,
        channel_axis=0,
        full=True,
    )
    inside = slice(_BORDER, -_BORDER)
    return np.asarray(similar[:, inside, inside], np.float32)


def _mirrored(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """With a border that scikit-image would mirror another way, doubling the pixels at the edge."""
    border = (_BORDER, _BORDER)
    return np.pad(values, ((0, 0), border, border), mode="reflect")
