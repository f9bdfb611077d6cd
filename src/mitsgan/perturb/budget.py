"""How far each voxel may move."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from mitsgan.anatomy.mask import WHOLE, Box
from mitsgan.anatomy.noise import NoiseMap, measure_noise
from mitsgan.errors import BudgetError
from mitsgan.scan.scan import Scan

Limits = float | NDArray[np.float32]
"""HU: one number for all voxels, or ``[z, y, x]``."""

_MOST_HU = 1e6
"""More than the values of any scan span; sums of it stay numbers."""
_MOST_NOISE = 100.0


@dataclass(frozen=True)
class Budget:
    """The largest absolute change a voxel may get, in HU; a guarantee on stored values.

    With ``noise_fraction``, what hides in noise decides: a voxel may move by that part of the
    scan's own noise around it, but by ``least_hu`` anyhow, and by ``max_hu`` at most. Where that is
    less than one stored step, it does not move at all.

    Attributes:
        max_hu: for every voxel.
        noise_fraction: of the local standard deviation; None leaves ``max_hu`` alone.
        least_hu: with ``noise_fraction``, for every voxel, however quiet the scan is around it: a
            mark needs it.
        noise: of the scan that this budget is for, see `on`.

    Raises:
        BudgetError: not above zero, beyond all that values span, or a `least_hu` below zero.
    """

    max_hu: float = 10.0
    noise_fraction: float | None = None
    least_hu: float = 0.0
    noise: NoiseMap | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        if not 0 < self.max_hu <= _MOST_HU:
            raise BudgetError(
                f"the budget must be a number of HU above 0, {_MOST_HU:,.0f} at most, found "
                f"{self.max_hu}; give a `max_hu` such as 10"
            )
        part = self.noise_fraction
        if part is not None and not 0 < part <= _MOST_NOISE:
            raise BudgetError(
                f"the budget's part of the noise must be a number above 0, {_MOST_NOISE:g} at "
                f"most, found {part}; give a `noise_fraction` such as 0.5"
            )
        if not (math.isfinite(self.least_hu) and self.least_hu >= 0):
            raise BudgetError(
                f"what a voxel may move by in any case must be a number of HU, 0 or more, found "
                f"{self.least_hu}; give a `least_hu` such as 4.5"
            )

    def __str__(self) -> str:
        text = f"{self.max_hu:g} HU"
        if self.noise_fraction is not None:
            text += f" and {self.noise_fraction:g} of the local noise"
            text += f", {self.least_hu:g} HU at least" if self.least_hu else ""
        return text

    def on(self, scan: Scan) -> Budget:
        """The same budget with the noise of a scan, so that it is measured once.

        Raises:
            BudgetError: it is smaller than one stored step, so that nothing could change.
        """
        noise, most, advice = None, self.max_hu, "a larger `max_hu`"
        if self.noise_fraction is not None:
            noise = measure_noise(scan)
            hidden = max(self.noise_fraction * float(noise.sigma.max()), self.least_hu)
            if hidden < most:
                most, advice = hidden, "a larger `noise_fraction`, or none"
        step = float(scan.slope.max())
        if scan.is_integer and most < step * (1 - 1e-9):
            raise BudgetError(
                f"the budget ({self}) is {most:.3g} HU in this scan, smaller than one stored step "
                f"({step:g} HU); give {advice}"
            )
        return replace(self, noise=noise)

    def limits(
        self, scan: Scan, start: int = 0, stop: int | None = None, box: Box = WHOLE
    ) -> Limits:
        """How far voxels of slices ``start:stop`` may move: a number, or ``[z, y, x]``; HU.

        Of them the rows and columns ``box``, as `Scan.hu`.

        The same whichever way the scan is cut into slabs. The noise is that of the scan given to
        `on`, which has to be the one before any change; without it, it is measured anew.

        Raises:
            BudgetError: the noise is that of a scan of another shape.
        """
        if self.noise_fraction is None:
            return float(self.max_hu)
        noise = self.noise or measure_noise(scan)
        if noise.shape != scan.shape:
            raise BudgetError(
                f"the budget holds the noise of a scan of shape {noise.shape}, this one is "
                f"{scan.shape} [z, y, x]; call on() with this scan"
            )
        limits = noise.hu(start, stop, box)
        limits *= np.float32(self.noise_fraction)
        np.maximum(limits, np.float32(self.least_hu), out=limits)
        return np.minimum(limits, np.float32(self.max_hu), out=limits)
