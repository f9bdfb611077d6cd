"""A perturbation that is computed already, for one scan."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mitsgan.errors import ScanError
from mitsgan.perturb.apply import SLAB
from mitsgan.perturb.budget import Budget
from mitsgan.perturb.perturbation import Perturbation
from mitsgan.scan.canonical import canonical
from mitsgan.scan.scan import Scan
from mitsgan.slabs import in_slabs


@dataclass(frozen=True, eq=False)
class Fixed:
    """A perturbation in memory; a `Perturbation` of the one scan that it was made for.

    Attributes:
        hu: ``[z, y, x]``, in canonical order (`mitsgan.scan.canonical`).
    """

    hu: NDArray[np.float32] | NDArray[np.int16]

    @classmethod
    def of(cls, perturbation: Perturbation, scan: Scan, budget: Budget) -> Fixed:
        """Compute a perturbation of a whole scan once.

        Args:
            perturbation: of which it becomes a copy; not bounded yet.
            scan: not modified. In memory: one array of its size in float32.
            budget: what the perturbation is told.

        Raises:
            BudgetError: see `Budget.on`.
        """
        scan = canonical(scan)
        budget = budget.on(scan)
        hu = np.empty(scan.shape, np.float32)

        def compute(start: int, stop: int) -> None:
            hu[start:stop] = perturbation.perturbation(scan, start, stop, budget)

        for _ in in_slabs(compute, scan.shape[0], SLAB):
            pass
        return cls(hu)

    def perturbation(
        self, scan: Scan, start: int, stop: int, budget: Budget
    ) -> NDArray[np.float32]:
        """See `Perturbation`.

        Raises:
            ScanError: a scan of another shape than the one it was made for.
        """
        if scan.shape != self.hu.shape:
            raise ScanError(
                f"this perturbation was made for a scan of shape {self.hu.shape}, found "
                f"{scan.shape} [z, y, x]; compute one for this scan"
            )
        return self.hu[start:stop].astype(np.float32, copy=False)
