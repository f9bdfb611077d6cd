"""A plane wave that the attackers' own sampling folds onto their cubes: no network, no training."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from mitsgan.anatomy.lung import find_lung
from mitsgan.anatomy.mask import Box, CoarseMask
from mitsgan.errors import ScanError
from mitsgan.perturb.budget import Budget
from mitsgan.protect.protector import Protector, register
from mitsgan.scan.once import once_per_scan
from mitsgan.scan.scan import AIR_HU, Scan

CYCLES_PER_MM = 15 / 32
"""Attackers see cubes of 32 samples at 1 mm and halve them five times. This wave lies one cycle per
cube below the middle of their band, and halving without a filter folds it to a wave as long as the
cube. Of the plane waves along the axes it disrupts most; see docs/decisions/wave.md."""

FINEST_CYCLES = 0.46
"""Per pixel: a wave finer than this is none on the scan's own pixels."""

_AERATED_HU = (-600.0, -450.0)
"""Full strength below the first, nothing above the second: vessels and walls stay as they are."""

_AROUND_MM = 4.0
"""The lung is found on a grid of 3 mm."""


@register
@dataclass(frozen=True)
class LungWave(Protector):
    """Plus and minus the budget in turn from front to back, in aerated lung alone.

    The phase follows from the seed. Computing it costs no more than noise; a reader of the code, or
    of the scan's spectrum, can filter it out, and so does any smoothing over more than a pixel.
    """

    name: ClassVar[str] = "wave"
    title: ClassVar[str] = "an aliasing wave"
    summary: ClassVar[str] = (
        "plus and minus the budget along one axis, at a frequency that attackers alias; no network"
    )
    on_device: ClassVar[bool] = False

    seed: int = 0

    def with_seed(self, seed: int) -> Self:
        """See `Protector.with_seed`."""
        return replace(self, seed=seed)

    def perturbation(
        self, scan: Scan, start: int, stop: int, budget: Budget
    ) -> NDArray[np.float32]:
        """See `Perturbation`; nothing where the scan has no lung."""
        everywhere = np.zeros((stop - start, *scan.shape[1:]), np.float32)
        lung = _around_lung(scan)
        if lung is None:
            return everywhere
        mask, box = lung
        signs = self._signs(scan)[box[0], None]
        limits = budget.limits(scan, start, stop, box)
        full, none = _AERATED_HU
        for z in range(start, stop):  # one by one: a slice stays in the processor's cache
            strength = scan.hu(z, z + 1, box)[0]
            if not scan.is_integer:
                np.nan_to_num(strength, copy=False, nan=AIR_HU, posinf=AIR_HU, neginf=AIR_HU)
            np.subtract(none, strength, out=strength)
            strength /= none - full
            np.clip(strength, 0, 1, out=strength)
            strength *= mask.slice(z, scan.shape[1:], box)
            strength *= signs
            limit = limits if isinstance(limits, float) else limits[z - start]
            np.multiply(strength, limit, out=everywhere[z - start][box])
        return everywhere

    def _signs(self, scan: Scan) -> NDArray[np.float32]:
        """``[y]``: 1 or -1."""
        pixel = scan.spacing[1]
        cycles = min(CYCLES_PER_MM * pixel, FINEST_CYCLES) * np.arange(scan.shape[1])
        phase = np.random.default_rng(self.seed).random()
        return np.where(np.sin(2 * np.pi * (cycles + phase)) < 0, -1, 1).astype(np.float32)


@once_per_scan
def _around_lung(scan: Scan) -> tuple[CoarseMask, Box] | None:
    """Where the lungs are, and the rows and columns that hold them; None without any."""
    try:
        mask = find_lung(scan).with_around(_AROUND_MM, scan.spacing)
    except ScanError:
        return None
    return mask, mask.box(scan.shape[1:])
