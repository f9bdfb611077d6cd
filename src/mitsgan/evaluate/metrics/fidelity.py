"""How far a protected scan is from its original: HU, PSNR, SSIM."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torchmetrics.functional.image import structural_similarity_index_measure

from mitsgan.scan.scan import Scan

DATA_RANGE_HU = 2000.0
"""The range that PSNR and SSIM refer to: -1000 to 1000 HU."""

_SLAB = 16


@dataclass(frozen=True)
class Fidelity:
    """Whole scan, padding left out of the first three; SSIM is the mean over axial slices."""

    largest_hu: float
    rmse_hu: float
    psnr_db: float
    ssim: float


def psnr(rmse_hu: float) -> float:
    """Peak signal-to-noise ratio in dB for `DATA_RANGE_HU`; infinite where nothing differs."""
    return math.inf if rmse_hu == 0 else 20 * math.log10(DATA_RANGE_HU / rmse_hu)


def fidelity(original: Scan, changed: Scan) -> Fidelity:
    """Compare two scans of one shape; HU are clipped to -1000..1000 for SSIM only."""
    largest, squares, voxels, ssim = 0.0, 0.0, 0, 0.0
    for start in range(0, original.shape[0], _SLAB):
        stop = min(start + _SLAB, original.shape[0])
        a, b = original.hu(start, stop), changed.hu(start, stop)
        inside = ~original.is_padding(start, stop)
        difference = (b - a)[inside].astype(np.float64)
        largest = max(largest, float(np.abs(difference).max(initial=0.0)))
        squares += float(np.vdot(difference, difference))
        voxels += difference.size
        x, y = (torch.from_numpy(v.clip(-1000, 1000))[:, None] for v in (a, b))
        value = structural_similarity_index_measure(x, y, data_range=DATA_RANGE_HU, reduction="sum")
        ssim += float(torch.as_tensor(value))
    rmse = math.sqrt(squares / voxels) if voxels else 0.0
    return Fidelity(largest, rmse, psnr(rmse), ssim / original.shape[0])
