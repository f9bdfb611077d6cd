"""Protectors: a scan in, a perturbation within a budget out."""

from mitsgan.protect.controls import Offset, RandomSign
from mitsgan.protect.mitsgan import MitsGan
from mitsgan.protect.pgd import pgd
from mitsgan.protect.protector import PROTECTORS, Protector, register
from mitsgan.protect.trained import TrainedProtector
from mitsgan.protect.wave import LungWave

__all__ = [
    "PROTECTORS",
    "LungWave",
    "MitsGan",
    "Offset",
    "Protector",
    "RandomSign",
    "TrainedProtector",
    "pgd",
    "register",
]
