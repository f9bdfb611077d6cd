"""Putting the mark on a scan: a perturbation of a few HU, and room for it beneath the budget."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mitsgan.errors import BudgetError
from mitsgan.mark.keys import Key
from mitsgan.mark.pattern import signs
from mitsgan.mark.sliding import Slider
from mitsgan.mark.strength import block_sums, local_noise, measure_strength, padded_slice, spread
from mitsgan.mark.windows import BLOCK
from mitsgan.perturb import Budget, Perturbation
from mitsgan.scan.scan import Scan

STRENGTH_HU = 3.0
"""RMS of the mark over the body, unless told otherwise."""

_SHARE = 0.5


@dataclass(frozen=True)
class Mark:
    """The mark of one series; a `Perturbation`.

    Attributes:
        key: the secret.
        identity: of the series, from `mitsgan.mark.series_identity` or of the user's choice.
        strength_hu: RMS over the body, before the budget; at most half of the budget is taken.

    Raises:
        BudgetError: a strength that is no positive number.
    """

    key: Key
    identity: str
    strength_hu: float = STRENGTH_HU

    def __post_init__(self) -> None:
        if not (math.isfinite(self.strength_hu) and self.strength_hu > 0):
            raise BudgetError(
                f"the mark's strength must be a number of HU above 0, found {self.strength_hu}"
            )

    def perturbation(
        self, scan: Scan, start: int, stop: int, budget: Budget
    ) -> NDArray[np.float32]:
        """See `Perturbation`."""
        added = self.amplitude(scan, start, stop, budget)
        added *= signs(self.key, self.identity, scan, start, stop)
        return added

    def amplitude(self, scan: Scan, start: int, stop: int, budget: Budget) -> NDArray[np.float32]:
        """How far the mark moves each voxel of slices ``start:stop``: ``[z, y, x]``, HU."""
        strength = measure_strength(scan)
        most = np.float32(_SHARE) * budget.limits(scan, start, stop)
        amplitudes = np.empty((stop - start, *scan.shape[1:]), np.float32)
        slider = Slider(np.float32)
        for z in range(start, stop):
            hu = padded_slice(scan, z)
            mean = block_sums(hu) * np.float32(1 / BLOCK**2)
            blocks = strength.relative(local_noise(hu)[None], mean[None], slider)[0]
            blocks *= np.float32(self.strength_hu)
            amplitudes[z - start] = spread(blocks, scan.shape[1:])
        return np.minimum(amplitudes, most, out=amplitudes)


@dataclass(frozen=True)
class WithRoom:
    """A perturbation held back where it would take the mark's room; a `Perturbation`.

    Where a perturbation alone fills the budget, the budget would cut off half of the mark.

    Attributes:
        layer: of a protector.
        mark: applied with it.
    """

    layer: Perturbation
    mark: Mark

    def perturbation(
        self, scan: Scan, start: int, stop: int, budget: Budget
    ) -> NDArray[np.float32]:
        """See `Perturbation`."""
        room = budget.limits(scan, start, stop) - self.mark.amplitude(scan, start, stop, budget)
        wanted = self.layer.perturbation(scan, start, stop, budget)
        return np.clip(wanted, -room, room)
