"""The words in which a sketch tells of a scan: apart from what finds them, which takes SciPy."""

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
