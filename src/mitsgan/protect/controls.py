"""Controls: what energy alone is worth, without any design."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from mitsgan.perturb.budget import Budget
from mitsgan.protect.protector import Protector, register
from mitsgan.scan.scan import Scan


@register
@dataclass(frozen=True)
class RandomSign(Protector):
    """A random sign for every voxel, of amplitude ``rms_hu``.

    Amplitudes between two whole HU are mixed from both, so that rounding keeps the RMS; where a
    stored step is no part of 1 HU, between two multiples of it. By default it is as strong as the
    budget allows.
    """

    name: ClassVar[str] = "noise"
    title: ClassVar[str] = "random signs"
    summary: ClassVar[str] = "a control: plus or minus the budget, at random"
    control: ClassVar[bool] = True
    on_device: ClassVar[bool] = False

    rms_hu: float = math.inf
    seed: int = 0

    def perturbation(
        self, scan: Scan, start: int, stop: int, budget: Budget
    ) -> NDArray[np.float32]:
        """See `Perturbation`."""
        rms = min(self.rms_hu, budget.max_hu)
        slices = []
        for z in range(start, stop):
            unit = _unit_hu(scan, z)
            low = np.floor(rms / unit) * unit
            share = (rms**2 - low**2) / (2 * low * unit + unit**2)  # of voxels that get a unit more
            rng = np.random.default_rng((self.seed, z))
            amplitude = low + unit * (rng.random(scan.shape[1:], np.float32) < share)
            sign = rng.integers(0, 2, scan.shape[1:], np.int8) * 2 - 1
            slices.append(np.minimum(amplitude, budget.max_hu) * sign)
        return np.stack(slices).astype(np.float32)


def _unit_hu(scan: Scan, z: int) -> float:
    """What a slice can hold and is nearest to 1 HU."""
    if not scan.is_integer:
        return 1.0
    step = float(scan.slope[z])
    return step * max(1, round(1 / step))


@register
@dataclass(frozen=True)
class Offset(Protector):
    """The same ``hu`` added everywhere.

    A change of the surroundings' density shifts what any inpainter paints. A protector that does
    no better than this has only learned to brighten the scan. By default it is the budget.
    """

    name: ClassVar[str] = "offset"
    title: ClassVar[str] = "a constant offset"
    summary: ClassVar[str] = "a control: the budget added everywhere"
    control: ClassVar[bool] = True
    on_device: ClassVar[bool] = False

    hu: float = math.inf

    def perturbation(
        self, scan: Scan, start: int, stop: int, budget: Budget
    ) -> NDArray[np.float32]:
        """See `Perturbation`."""
        value = np.float32(np.clip(self.hu, -budget.max_hu, budget.max_hu))
        return np.full((stop - start, *scan.shape[1:]), value)
