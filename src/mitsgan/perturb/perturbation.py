"""What a perturbation is: anything that says what to add to a scan."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mitsgan.perturb.budget import Budget
from mitsgan.scan.scan import Scan


class Perturbation(Protocol):
    """Anything that adds to a scan: a protector, a control, the mark."""

    def perturbation(
        self, scan: Scan, start: int, stop: int, budget: Budget
    ) -> NDArray[np.float32]:
        """What to add to slices ``start:stop`` of ``scan``: ``[z, y, x]`` in HU.

        It depends on the scan and on the slices' numbers, never on how a scan is cut into slabs.
        Called for several slabs at once, from threads of its own. It need not keep to the budget:
        `mitsgan.perturb.apply_perturbations` bounds the sum of all.

        Args:
            scan: the whole scan, before any change.
            start, stop: slices.
            budget: measured on this scan, see `Budget.on`.
        """
        ...
