"""What a protection is worth: measured, with controls at the same energy."""

from mitsgan.evaluate.disruption import Disruption, disruption
from mitsgan.evaluate.evaluation import EvaluationConfig, evaluate
from mitsgan.evaluate.fidelity import Fidelity, fidelity
from mitsgan.evaluate.positions import lung_positions

__all__ = [
    "Disruption",
    "EvaluationConfig",
    "Fidelity",
    "disruption",
    "evaluate",
    "fidelity",
    "lung_positions",
]
