"""A perturbation optimised for one scan, against attackers whose place is known only roughly."""

from mitsgan.optimize.ascent import Ascent, optimize
from mitsgan.optimize.attacked_scan import AttackedScan, Threat
from mitsgan.optimize.known import perturb_known
from mitsgan.optimize.places import Around, PositionDistribution
from mitsgan.optimize.uncertainty import position_uncertainty
from mitsgan.optimize.whole_scan import optimize_scan

__all__ = [
    "Around",
    "Ascent",
    "AttackedScan",
    "PositionDistribution",
    "Threat",
    "optimize",
    "optimize_scan",
    "perturb_known",
    "position_uncertainty",
]
