"""Protectors: a scan in, a perturbation within a budget out."""

from mitsgan.protect.budget import Budget
from mitsgan.protect.layers import Fixed, Layer, Protected, apply_layers
from mitsgan.protect.mitsgan import MitsGan
from mitsgan.protect.noise import Offset, RandomSign
from mitsgan.protect.pgd import pgd

__all__ = [
    "Budget",
    "Fixed",
    "Layer",
    "MitsGan",
    "Offset",
    "Protected",
    "RandomSign",
    "apply_layers",
    "pgd",
]
