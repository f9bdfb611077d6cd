"""Patterns in aerated lung alone: vessels, walls and all else stay as they are."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from mitsgan.anatomy.lung import find_lung
from mitsgan.anatomy.mask import Box, CoarseMask
from mitsgan.errors import ScanError
from mitsgan.perturb.budget import Budget
from mitsgan.protect.protector import Protector
from mitsgan.scan.once import once_per_scan
from mitsgan.scan.scan import AIR_HU, Scan

_FULL_HU, _NONE_HU = -600.0, -450.0
"""Full strength below the first, nothing above the second: vessels and walls stay as they are."""

_AROUND_MM = 4.0
"""The lung is found on a grid of 3 mm."""


Array = NDArray[np.float32]

Pattern = Callable[[int, Box], Array]
"""Of a slice and its rows and columns: ``[y, x]``, or what broadcasts to that, in -1 to 1."""


class LungPattern(Protector):
    """A protector that adds a pattern to aerated lung, and needs no network for it.

    A subclass says what the pattern is, in `pattern`.
    """

    on_device: ClassVar[bool] = False

    seed: int = 0

    @abstractmethod
    def pattern(self, scan: Scan) -> Pattern:
        """The part of the budget, where it acts; asked for of scans with a lung alone."""

    def perturbation(self, scan: Scan, start: int, stop: int, budget: Budget) -> Array:
        """See `Perturbation`; nothing where the scan has no lung."""
        everywhere = np.zeros((stop - start, *scan.shape[1:]), np.float32)
        lung = _around_lung(scan)
        if lung is None:
            return everywhere
        mask, box = lung
        pattern = self.pattern(scan)
        limits = budget.limits(scan, start, stop, box)
        for z in range(start, stop):  # one by one: a slice stays in the processor's cache
            part = _strength(scan, z, mask, box)
            part *= pattern(z, box)
            limit = limits if isinstance(limits, float) else limits[z - start]
            np.multiply(part, limit, out=everywhere[z - start][box])
        return everywhere


@once_per_scan
def _around_lung(scan: Scan) -> tuple[CoarseMask, Box] | None:
    """Where the lungs are, and the rows and columns that hold them; None without any."""
    try:
        mask = find_lung(scan).with_around(_AROUND_MM, scan.spacing)
    except ScanError:
        return None
    return mask, mask.box(scan.shape[1:])


def _strength(scan: Scan, z: int, mask: CoarseMask, box: Box) -> Array:
    """``[y, x]`` in 0 to 1, of slice ``z``: 1 in aerated lung, 0 in vessels, walls and all else."""
    part: Array = scan.hu(z, z + 1, box)[0]
    if not scan.is_integer:
        np.nan_to_num(part, copy=False, nan=AIR_HU, posinf=AIR_HU, neginf=AIR_HU)
    np.subtract(_NONE_HU, part, out=part)
    part /= _NONE_HU - _FULL_HU
    np.clip(part, 0, 1, out=part)
    part *= mask.slice(z, scan.shape[1:], box)
    return part
