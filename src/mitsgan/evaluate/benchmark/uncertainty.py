"""One curve of disruption over position uncertainty, as a row of a benchmark."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from mitsgan.attack import Attacker, hu_volume
from mitsgan.evaluate.benchmark.bench import Bench, Row
from mitsgan.evaluate.benchmark.cells import CurveCell
from mitsgan.perturb import Budget, Perturbation, apply_perturbations

_DIGITS = 3


def uncertainty_row(
    bench: Bench,
    cell: CurveCell,
    attacker: Attacker,
    layers: Mapping[str, Perturbation],
    budget: Budget,
) -> Row:
    """Measure a curve.

    Args:
        bench: of the scan.
        cell: which curve.
        attacker: who strikes, and whom PGD is optimised against.
        layers: protectors that know nothing of the centres, by name.
        budget: of all of them.
    """
    from mitsgan.optimize import position_uncertainty

    curve = cell.curve
    perturbations: dict[str, torch.Tensor] = {}
    for name, layer in layers.items():
        protected = apply_perturbations(bench.scan, [layer], budget).scan
        perturbations[name] = hu_volume(protected) - bench.original
    points = position_uncertainty(
        bench.scan,
        attacker,
        [plan.position for plan in bench.plans(curve.centres, cell.action)],
        curve.uncertainties_mm,
        max_hu=curve.max_hu,
        steps=curve.steps,
        draws=curve.draws,
        seed=bench.seed,
        perturbations=perturbations,
    )
    return {
        "kind": "uncertainty",
        "scan": cell.scan,
        "role": bench.entry.role,
        "attacker": cell.attacker,
        "action": cell.action,
        "max_hu": curve.max_hu,
        "points": [
            {key: round(v, _DIGITS) if isinstance(v, float) else v for key, v in point.items()}
            for point in points
        ],
    }
