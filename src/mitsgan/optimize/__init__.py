"""A perturbation optimised for one scan, against attackers whose place is known only roughly."""

from mitsgan.optimize.ascent import Ascent, optimize
from mitsgan.optimize.ground import Ground, Target
from mitsgan.optimize.places import Around, Places
from mitsgan.optimize.uncertainty import position_uncertainty
from mitsgan.optimize.whole_scan import optimize_scan

__all__ = [
    "Around",
    "Ascent",
    "Ground",
    "Places",
    "Target",
    "optimize",
    "optimize_scan",
    "position_uncertainty",
]
