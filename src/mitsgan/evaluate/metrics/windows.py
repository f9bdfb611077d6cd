"""The grey scales in which two scans are compared: HU itself, and what radiologists look at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class GreyWindow:
    """A range of HU.

    Attributes:
        name: for tables.
        low, high: HU; ``high - low`` is the data range of PSNR and SSIM.
        clips: whether what lies outside is cut off before errors are measured, as a display
            does. SSIM and LPIPS always see clipped values.
    """

    name: str
    low: float
    high: float
    clips: bool = True

    @property
    def data_range(self) -> float:
        """HU from the lower to the upper end."""
        return self.high - self.low

    def clip(self, hu: NDArray[np.float32]) -> NDArray[np.float32]:
        """Values inside the range, still in HU; padding that is not finite becomes ``low``."""
        clipped: NDArray[np.float32] = np.nan_to_num(hu, nan=self.low).clip(self.low, self.high)
        return clipped


HU = GreyWindow("HU", -1000.0, 1000.0, clips=False)
"""The whole range of tissue: errors of every size count, PSNR refers to 2000 HU."""

LUNG = GreyWindow("lung", -1350.0, 150.0)

WINDOWS = (
    HU,
    LUNG,
    GreyWindow("mediastinal", -160.0, 240.0),
    GreyWindow("bone", -500.0, 1300.0),
)
"""Centre and width: lung -600 and 1500, mediastinal 40 and 400, bone 400 and 1800."""
