"""The one place where voxels change: perturbations are summed, bounded, rounded, and checked."""

from mitsgan.perturb.apply import Fixed, Layer, Protected, apply_layers
from mitsgan.perturb.budget import Budget

__all__ = ["Budget", "Fixed", "Layer", "Protected", "apply_layers"]
