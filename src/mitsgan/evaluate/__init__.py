"""What a protection is worth: measured, with controls at the same energy."""

from mitsgan.anatomy.places import lung_positions
from mitsgan.evaluate.attacks.disruption import Disruption, disruption
from mitsgan.evaluate.evaluation import EvaluationConfig, evaluate
from mitsgan.evaluate.metrics.fidelity import Fidelity, fidelity

__all__ = [
    "Disruption",
    "EvaluationConfig",
    "Fidelity",
    "disruption",
    "evaluate",
    "fidelity",
    "lung_positions",
]
