"""The keyed mark: a faint pattern that is missing wherever voxels were repainted."""

from mitsgan.mark.embed import Mark, WithMark
from mitsgan.mark.find.detect import detect
from mitsgan.mark.find.detection import (
    Detection,
    Region,
    SliceFinding,
    SliceState,
    Unlike,
    Verdict,
)
from mitsgan.mark.keys import Key, MarkKeyError
from mitsgan.mark.pattern import series_identity

__all__ = [
    "Detection",
    "Key",
    "Mark",
    "MarkKeyError",
    "Region",
    "SliceFinding",
    "SliceState",
    "Unlike",
    "Verdict",
    "WithMark",
    "detect",
    "series_identity",
]
