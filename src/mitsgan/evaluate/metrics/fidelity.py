"""How far a protected scan is from its original: HU, PSNR, SSIM."""

from __future__ import annotations

from dataclasses import dataclass

from mitsgan.evaluate.metrics import metrics
from mitsgan.evaluate.metrics.regions import WHOLE
from mitsgan.evaluate.metrics.windows import HU
from mitsgan.scan.scan import Scan

DATA_RANGE_HU = HU.data_range
"""The range that PSNR and SSIM refer to: -1000 to 1000 HU."""


@dataclass(frozen=True)
class Fidelity:
    """Whole scan, padding left out of the first three; SSIM is the mean over axial slices.

    ``psnr_db`` is infinite where nothing differs; None where that was read from JSON.
    """

    largest_hu: float
    rmse_hu: float
    psnr_db: float | None
    ssim: float

    @classmethod
    def of(cls, whole: metrics.Metrics) -> Fidelity:
        """From the metrics of the whole scan in HU; a scan of padding alone differs by nothing."""
        rmse = whole.rmse_hu or 0.0
        return cls(whole.largest_hu or 0.0, rmse, psnr(rmse), whole.ssim or 0.0)


def psnr(rmse_hu: float) -> float:
    """Peak signal-to-noise ratio in dB for `DATA_RANGE_HU`; infinite where nothing differs."""
    return metrics.psnr(rmse_hu, DATA_RANGE_HU)


def fidelity(original: Scan, changed: Scan) -> Fidelity:
    """Compare two scans of one shape; HU are clipped to -1000..1000 for SSIM only."""
    (whole,) = metrics.compare_scans(original, changed, [WHOLE], windows=(HU,))
    return Fidelity.of(whole.windows[HU.name])
