"""Protectors: a scan in, a perturbation within a budget out.

Networks are looked up when they are first asked for: torch takes as long to import as a scan takes
to be read and written, and the others need none.
"""

from typing import TYPE_CHECKING

from mitsgan.protect.controls import Offset, RandomSign
from mitsgan.protect.protector import PROTECTORS, Protector, register
from mitsgan.protect.wave import LungWave

if TYPE_CHECKING:
    from mitsgan.protect.mitsgan import MitsGan
    from mitsgan.protect.trained import TrainedProtector
else:

    def __getattr__(name: str) -> type[Protector]:
        """A protector that is a network."""
        if name == "MitsGan":
            from mitsgan.protect.mitsgan import MitsGan

            return MitsGan
        if name == "TrainedProtector":
            from mitsgan.protect.trained import TrainedProtector

            return TrainedProtector
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "PROTECTORS",
    "LungWave",
    "MitsGan",
    "Offset",
    "Protector",
    "RandomSign",
    "TrainedProtector",
    "register",
]
