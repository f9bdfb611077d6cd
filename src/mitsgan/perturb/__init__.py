"""The one place where voxels change: perturbations are summed, bounded, rounded, and checked."""

from mitsgan.perturb.apply import Protected, apply_perturbations
from mitsgan.perturb.budget import Budget
from mitsgan.perturb.fixed import Fixed
from mitsgan.perturb.perturbation import Perturbation

__all__ = ["Budget", "Fixed", "Perturbation", "Protected", "apply_perturbations"]
