"""Numbers to pixels, and the mark that says what an attacker had a hand in.

Matplotlib is imported where its colours and its PNG are needed: grey pixels wait for neither.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mitsgan.scan.simulated import letters

Pixels = NDArray[np.uint8]

DIVERGING = "berlin"
"""Blue below zero, black at it, red above: it stands beside CT, which is dark."""

_YELLOW = np.array([255, 214, 64], np.float32)
_FRAME = np.array([255, 255, 255], np.uint8)


def gray(hu: NDArray[np.float32], low: float, high: float) -> Pixels:
    """``[y, x]`` in HU through a window, to ``[y, x, 3]``."""
    level = np.clip((hu - low) / (high - low), 0, 1) * 255
    pixels: Pixels = np.repeat(np.rint(level)[:, :, None], 3, axis=2).astype(np.uint8)
    return pixels


def diverging(hu: NDArray[np.float32], limit: float) -> Pixels:
    """``[y, x]`` in HU from minus to plus ``limit``, to ``[y, x, 3]``."""
    import matplotlib

    colour = matplotlib.colormaps[DIVERGING](np.clip(hu / limit, -1, 1) / 2 + 0.5)
    return np.asarray(np.rint(np.asarray(colour)[..., :3] * 255), np.uint8)


def diverging_ramp() -> list[list[int]]:
    """256 colours of `diverging`, from minus to plus the limit: red, green, blue, 0 to 255."""
    import matplotlib

    ramp = np.asarray(matplotlib.colormaps[DIVERGING](np.linspace(0, 1, 256)))[:, :3]
    colours: list[list[int]] = np.rint(ramp * 255).astype(int).tolist()
    return colours


def frame(pixels: Pixels, rows: tuple[int, int], columns: tuple[int, int]) -> Pixels:
    """The picture with a frame, two pixels wide, around what is shown elsewhere enlarged."""
    framed = pixels.copy()
    height, width = pixels.shape[:2]
    top, bottom = (min(max(v, 0), height - 1) for v in (rows[0], rows[1] - 1))
    left, right = (min(max(v, 0), width - 1) for v in (columns[0], columns[1] - 1))
    inner = (slice(top + 2, bottom - 1), slice(left + 2, right - 1))
    picture = framed[inner].copy()
    framed[top : bottom + 1, left : right + 1] = _FRAME
    framed[inner] = picture
    return framed


def burn_in(pixels: Pixels) -> Pixels:
    """The picture with SIMULATED in its pixels, along the lower edge."""
    height, width = pixels.shape[:2]
    drawn, shade = letters(height, width)
    marked = pixels.astype(np.float32) * (1 - 0.75 * shade[:, :, None])
    marked += drawn[:, :, None] * (_YELLOW - marked)
    return np.rint(marked).astype(np.uint8)
