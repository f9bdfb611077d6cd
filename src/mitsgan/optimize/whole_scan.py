"""A perturbation optimised for a whole scan."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from mitsgan.optimize.ascent import Ascent, optimize
from mitsgan.optimize.attacked_scan import AttackedScan, Threat
from mitsgan.perturb import Budget, Fixed, Perturbation
from mitsgan.progress import Steps
from mitsgan.scan.scan import AIR_HU, Scan


def optimize_scan(
    scan: Scan,
    threats: Sequence[Threat],
    budget: Budget,
    ascent: Ascent,
    *,
    layer: Perturbation | None = None,
    progress: Steps | None = None,
    checkpoint: Path | None = None,
) -> Fixed:
    """Optimise a perturbation for a whole scan, on the device of the first attacker.

    Args:
        scan: not modified. In memory: five arrays of its size in float32, of which three are
            only filled where attacks strike.
        threats, ascent, progress, checkpoint: see `optimize`.
        budget: bounds every voxel.
        layer: to start from; by default random numbers.

    Raises:
        PositionError: see `optimize`.
        BudgetError: see `Budget.on`.

    Returns:
        A perturbation in whole HU.
    """
    budget = budget.on(scan)
    hu = np.nan_to_num(scan.hu(), copy=False, nan=AIR_HU, posinf=AIR_HU, neginf=AIR_HU)
    device = threats[0].attacker.device if threats else "cpu"
    attacked = AttackedScan(torch.from_numpy(hu.clip(AIR_HU, out=hu)).to(device), scan.spacing)
    limits = budget.limits(scan)
    limit = limits if isinstance(limits, float) else torch.from_numpy(limits)
    start = None if layer is None else torch.from_numpy(Fixed.of(layer, scan, budget).hu)
    best = optimize(
        attacked, threats, limit, ascent, start=start, progress=progress, checkpoint=checkpoint
    )
    return Fixed(best.cpu().numpy().astype(np.int16))
