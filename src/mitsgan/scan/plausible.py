"""Whether values can be HU, and what went wrong where they cannot.

No format says for certain that its values are HU: image formats have no element for it, and in
DICOM a rescale can be lost, applied twice, or that of a cone-beam scanner. So the values are asked.
Air is at -1000 HU and nothing is below it but padding, which is one constant value; fat is at -100
and soft tissue at 0 to 100; of dense bone and metal there is little.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mitsgan.errors import ScanError

if TYPE_CHECKING:
    from mitsgan.scan.scan import Scan

_SAMPLES = 400_000
_LABELS = 255.0
_LARGEST_HU = 100_000.0

_NO_AIR_BELOW_HU = -1500.0
"""Air with the noise of any scanner is above; below is padding, which does not vary."""
_DENSEST_HU = 3100.0
"""What 12 bits with the usual offset hold; above is metal."""
_A_FEW = 0.02
_HARDLY_ANY = 0.001
_MUCH = 0.05
_OFFSETS = (1000.0, 1024.0)


def check_plausible(scan: Scan, what: str, otherwise: str = "`assume_hu`") -> None:
    """Raise `ScanError` unless the values of a scan can be HU; says the likely cause and remedy.

    Looks at about 400,000 voxels, and at the ends of the range.

    Args:
        scan: in HU, or so it says.
        what: messages call it.
        otherwise: what to say to have it taken all the same, for messages.
    """
    if scan.stored.dtype.itemsize == 1:
        raise ScanError(
            f"{what} holds 8-bit values, too few for HU: it is a label map or a picture; give the "
            f"CT scan in HU"
        )
    sample = _sample(scan)
    if sample.size == 0:
        raise ScanError(f"{what} holds no finite value; give the CT scan in HU")
    low, high = float(sample.min()), float(sample.max())
    range_hu = f"{what} holds values from {low:g} to {high:g}"
    if high - low <= _LABELS:
        raise ScanError(
            f"{range_hu}: a label map or a normalised image, not HU; give the CT scan in HU, where "
            f"air is about -1000 and bone above 300"
        )
    if max(-low, high) > _LARGEST_HU:
        raise ScanError(f"{range_hu}, which no CT scan has in HU; convert it to HU first")
    fault = _too_low(sample) or _too_high(sample) or _too_dense(sample)
    if fault is not None:
        raise ScanError(
            f"{range_hu} that are not HU: {fault}; or give {otherwise} if they are HU all the same"
        )


def _sample(scan: Scan) -> NDArray[np.float32]:
    """Finite values of voxels on an even grid, HU, with the extremes of the scan."""
    step = max(1, round((scan.stored.size / _SAMPLES) ** (1 / 3)))
    stored = scan.stored
    picked = [
        scan.hu(z, z + 1, (slice(None, None, step), slice(None, None, step))).ravel()
        for z in range(0, len(stored), step)
    ]
    if scan.is_integer:
        planes = {int(stored.min((1, 2)).argmin()), int(stored.max((1, 2)).argmax())}
        for z in planes:
            hu = scan.hu(z, z + 1)
            picked.append(np.array([hu.min(), hu.max()]))
    sample = np.concatenate(picked)
    kept: NDArray[np.float32] = sample[np.isfinite(sample)]
    return kept


def _too_low(sample: NDArray[np.float32]) -> str | None:
    """Values that vary below air: an offset applied twice, or a scale."""
    below = sample[sample < _NO_AIR_BELOW_HU]
    if _varying(below) <= _A_FEW * sample.size:
        return None
    for offset in _OFFSETS:
        moved = sample + offset
        if _varying(moved[moved < _NO_AIR_BELOW_HU]) <= _A_FEW * sample.size and (
            _share(moved, -200, 200) > _MUCH
        ):
            air = _mode(below)
            best = min(_OFFSETS, key=lambda value: abs(air + value + 1000))
            return (
                f"there is no air at -1000, but at {air:.0f}, as where a rescale intercept was "
                f"applied twice; convert it to HU, or read it with `hu_offset={best:.0f}`"
            )
    return (
        f"air is at {_mode(below):.0f} instead of -1000, as in cone-beam scans whose scale is none "
        f"of HU; convert it to HU first"
    )


def _too_high(sample: NDArray[np.float32]) -> str | None:
    """No air and no lung, but as much dense bone as there is soft tissue elsewhere."""
    if float(sample.min()) < 0 and _share(sample, -np.inf, -200) > _HARDLY_ANY:
        return None
    inside = sample[(sample > sample.min()) & (sample < sample.max())]  # without what was clipped
    soft = _share(inside, 850, 1250)
    shifted = soft > _MUCH and soft > 3 * _share(inside, 1250, 2000)
    if not shifted and float(sample.min()) < 0:
        return None
    air = _mode(inside[inside < 300]) if shifted else 0.0
    offset = min((-value for value in _OFFSETS), key=lambda value: abs(air + value + 1000))
    if float(sample.min()) >= 0:
        offset = -_OFFSETS[1]
    return (
        f"there is neither air nor fat below 0, as where a rescale intercept was lost; convert it "
        f"to HU, or read it with `hu_offset={offset:.0f}`"
    )


def _too_dense(sample: NDArray[np.float32]) -> str | None:
    """More than metal above what bone has."""
    if _share(sample, _DENSEST_HU, np.inf) <= _MUCH:
        return None
    return (
        f"{100 * _share(sample, _DENSEST_HU, np.inf):.0f} % are denser than bone, as in cone-beam "
        f"scans and in grey values without a rescale; convert it to HU first"
    )


def _share(sample: NDArray[np.float32], low: float, high: float) -> float:
    if sample.size == 0:
        return 0.0
    return float(np.count_nonzero((sample >= low) & (sample < high))) / sample.size


def _varying(values: NDArray[np.float32]) -> int:
    """How many values are not one of the few most frequent, as padding is.

    Within 16 HU: behind lossy compression padding is not quite constant.
    """
    if values.size == 0:
        return 0
    _, counts = np.unique(np.rint(values / 16), return_counts=True)
    return int(counts.sum() - np.sort(counts)[-3:].sum())


def _mode(values: NDArray[np.float32]) -> float:
    """The most frequent value, within 10 HU."""
    if values.size == 0:
        return 0.0
    bins, counts = np.unique(np.rint(values / 10), return_counts=True)
    return float(10 * bins[counts.argmax()])
