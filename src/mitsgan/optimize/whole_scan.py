"""A perturbation optimised for a whole scan."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from mitsgan.optimize.ascent import Ascent, Progress, optimize
from mitsgan.optimize.ground import Ground, Target
from mitsgan.perturb import Budget, Fixed, Perturbation
from mitsgan.scan.scan import AIR_HU, Scan


def optimize_scan(
    scan: Scan,
    targets: Sequence[Target],
    budget: Budget,
    ascent: Ascent,
    *,
    layer: Perturbation | None = None,
    progress: Progress | None = None,
) -> Fixed:
    """Optimise a perturbation for a whole scan, on the device of the first attacker.

    Args:
        scan: not modified. In memory: three arrays of its size in float32, of which one is only
            filled where attacks strike.
        targets, ascent, progress: see `optimize`.
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
    device = targets[0].attacker.device if targets else "cpu"
    ground = Ground(torch.from_numpy(hu.clip(AIR_HU, out=hu)).to(device), scan.spacing)
    limits = budget.limits(scan)
    limit = limits if isinstance(limits, float) else torch.from_numpy(limits)
    start = None if layer is None else torch.from_numpy(Fixed.of(layer, scan, budget).hu)
    found = optimize(ground, targets, limit, ascent, start=start, progress=progress)
    return Fixed(found.cpu().numpy().astype(np.int16))
