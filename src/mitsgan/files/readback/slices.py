"""One slice as a file holds it: stored values, and what makes HU of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class StoredSlice:
    """A slice that was read back.

    Attributes:
        z: its number in the scan.
        stored: ``[y, x]``, as the file holds them.
        slope, intercept: HU are stored values times the one plus the other.
    """

    z: int
    stored: NDArray[Any]
    slope: float
    intercept: float

    @property
    def hu(self) -> NDArray[np.float64]:
        """``[y, x]``, computed anew at every look."""
        return np.asarray(self.stored.astype(np.float64) * self.slope + self.intercept)

    def is_scaled_as(self, slope: float, intercept: float) -> bool:
        """Whether equal stored values are equal HU."""
        return self.slope == slope and self.intercept == intercept

    @property
    def holds_words(self) -> bool:
        """Whether values are integers whose differences 32 bits hold."""
        return self.stored.dtype.kind in "iu" and self.stored.dtype.itemsize <= 2
