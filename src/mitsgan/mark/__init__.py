"""The keyed mark: an invisible pattern that is missing wherever voxels were repainted."""

from mitsgan.mark.embed import Mark, WithRoom
from mitsgan.mark.keys import Key, MarkKeyError
from mitsgan.mark.pattern import series_identity

__all__ = ["Key", "Mark", "MarkKeyError", "WithRoom", "series_identity"]
