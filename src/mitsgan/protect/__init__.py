"""Protectors: a scan in, a perturbation within a budget out."""

from mitsgan.protect.controls import Offset, RandomSign
from mitsgan.protect.mitsgan import MitsGan
from mitsgan.protect.pgd import pgd

__all__ = ["MitsGan", "Offset", "RandomSign", "pgd"]
