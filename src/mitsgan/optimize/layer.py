"""An optimised perturbation as a layer, like any other protector's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from mitsgan.errors import ScanError
from mitsgan.optimize.ascent import Ascent, Progress, optimize
from mitsgan.optimize.ground import Ground, Target
from mitsgan.perturb.apply import SLAB, Layer
from mitsgan.perturb.budget import Budget
from mitsgan.scan.scan import AIR_HU, Scan


@dataclass(frozen=True)
class Optimized:
    """A perturbation made for one scan; a `Layer`.

    Attributes:
        hu: ``[z, y, x]``, whole HU.
    """

    hu: NDArray[np.int16]

    def perturbation(
        self, scan: Scan, start: int, stop: int, budget: Budget
    ) -> NDArray[np.float32]:
        """See `Layer.perturbation`.

        Raises:
            ScanError: a scan of another shape than the one it was made for.
        """
        if scan.shape != self.hu.shape:
            raise ScanError(
                f"this perturbation was made for a scan of shape {self.hu.shape}, found "
                f"{scan.shape} [z, y, x]; optimise one for this scan"
            )
        return self.hu[start:stop].astype(np.float32)


def optimize_scan(
    scan: Scan,
    targets: Sequence[Target],
    budget: Budget,
    ascent: Ascent,
    *,
    layer: Layer | None = None,
    progress: Progress | None = None,
) -> Optimized:
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
    """
    budget = budget.on(scan)
    hu = np.nan_to_num(scan.hu(), copy=False, nan=AIR_HU, posinf=AIR_HU, neginf=AIR_HU)
    device = targets[0].attacker.equalization.bins.device if targets else "cpu"
    ground = Ground(torch.from_numpy(hu.clip(AIR_HU, out=hu)).to(device), scan.spacing)
    limits = budget.limits(scan)
    limit = limits if isinstance(limits, float) else torch.from_numpy(limits)
    start = None if layer is None else torch.from_numpy(whole(layer, scan, budget))
    found = optimize(ground, targets, limit, ascent, start=start, progress=progress)
    return Optimized(found.cpu().numpy().astype(np.int16))


def whole(layer: Layer, scan: Scan, budget: Budget) -> NDArray[np.float32]:
    """A layer's perturbation of all slices, ``[z, y, x]`` in HU."""
    added = np.empty(scan.shape, np.float32)
    for first in range(0, len(added), SLAB):
        last = min(first + SLAB, len(added))
        added[first:last] = layer.perturbation(scan, first, last, budget)
    return added
