"""How far each voxel may move."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mitsgan.errors import BudgetError
from mitsgan.scan.scan import Scan


@dataclass(frozen=True)
class Budget:
    """The largest absolute change a voxel may get, in HU; a guarantee on stored values.

    Raises:
        BudgetError: not a finite number above zero.
    """

    max_hu: float = 10.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.max_hu) and self.max_hu > 0):
            raise BudgetError(
                f"the budget must be a number of HU above 0, found {self.max_hu}; "
                "give for example --max-hu 10"
            )

    def steps(self, scan: Scan) -> NDArray[np.int64]:
        """``[z]``: how many stored steps a voxel of each slice may move.

        Raises:
            BudgetError: less than one step somewhere, so that nothing could change.
        """
        steps = np.floor(self.max_hu / scan.slope + 1e-9).astype(np.int64)
        if (steps < 1).any():
            raise BudgetError(
                f"the budget of {self.max_hu:g} HU is smaller than one stored step of this scan "
                f"({scan.slope.max():g} HU); give --max-hu {scan.slope.max():g} or more"
            )
        return steps
