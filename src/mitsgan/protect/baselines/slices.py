"""What the baselines see of a scan: slices without padding, scaled to [-1, 1]."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from mitsgan.scan.once import once_per_scan
from mitsgan.scan.scan import AIR_HU, Scan

UNIT = (AIR_HU, 3071.0)
"""HU that are -1 and 1 to a network of a fixed range: the range of 12 bits."""

UNIT_HU = (UNIT[1] - UNIT[0]) / 2
"""HU to one unit of that range."""


def clean_hu(scan: Scan, start: int, stop: int) -> Tensor:
    """Slices in HU, where padding and what is no number are air."""
    hu = scan.hu(start, stop)
    np.nan_to_num(hu, copy=False, nan=AIR_HU, posinf=AIR_HU, neginf=AIR_HU)
    np.copyto(hu, np.float32(AIR_HU), where=scan.is_padding(start, stop))
    return torch.from_numpy(hu)


@once_per_scan
def hu_range(scan: Scan) -> tuple[float, float]:
    """The least and the largest HU of a scan, without padding."""
    ends = [torch.aminmax(clean_hu(scan, z, z + 1)) for z in range(scan.shape[0])]
    return min(float(e.min) for e in ends), max(float(e.max) for e in ends)


def to_unit(hu: Tensor, low: float, high: float) -> Tensor:
    """HU between ``low`` and ``high`` to [-1, 1]."""
    return (hu - low) * (2 / max(high - low, 1.0)) - 1


def stretch(values: Tensor, low: Tensor | float, high: Tensor | float) -> Tensor:
    """Stretch so that the least value becomes ``low`` and the largest ``high``."""
    least, largest = values.aminmax()
    return (values - least) / (largest - least).clamp_min(1e-6) * (high - low) + low
