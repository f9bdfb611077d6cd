"""A perturbation optimised for one scan, against attackers whose place is known only roughly."""

from mitsgan.optimize.ascent import Ascent, optimize
from mitsgan.optimize.ground import Ground, Target
from mitsgan.optimize.layer import Optimized, optimize_scan
from mitsgan.optimize.places import Around, InLung, Places
from mitsgan.optimize.uncertainty import position_uncertainty

__all__ = [
    "Around",
    "Ascent",
    "Ground",
    "InLung",
    "Optimized",
    "Places",
    "Target",
    "optimize",
    "optimize_scan",
    "position_uncertainty",
]
