"""What a sketch tells of a scan in: apart from what finds it, which takes SciPy."""

from __future__ import annotations

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
