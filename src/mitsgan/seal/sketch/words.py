"""What a sketch tells of a scan in: apart from what finds it, which takes SciPy."""

from __future__ import annotations

import math
from typing import Literal

ContentVerdict = Literal["processed", "tampered", "unknown"]

Process = Literal[
    "gain",
    "offset",
    "smoothing",
    "sharpening",
    "median filter",
    "averaging across slices",
    "noise",
    "lossy coding or denoising",
    "rounding to grey levels",
    "window",
    "resampling",
]
"""What a scan looks as if it had gone through."""

LARGEST_VISIBLE_HU = 250.0
"""A solid nodule of 6 mm in the lung changes its surroundings by as much: where that would not
show, a scan cannot be judged."""


def tells_visible(high_hu: float, regions: int) -> bool:
    """Whether it is worth telling from how many HU on a change would show.

    Of what shows something else throughout, that says nothing.

    Args:
        high_hu: at the places that hide most.
        regions: how many are told of.
    """
    return high_hu <= LARGEST_VISIBLE_HU or (regions > 0 and math.isfinite(high_hu))
