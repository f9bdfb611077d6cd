"""How far two scans are apart: RMSE, MAE, largest difference, PSNR, SSIM, LPIPS.

Whatever is averaged is summed slab by slab, so that a scan of any length takes the same memory.
Definitions, units and data ranges: docs/metrics.md.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mitsgan.evaluate.metrics.lpips import Lpips, fits
from mitsgan.evaluate.metrics.regions import WHOLE, RegionOfInterest
from mitsgan.evaluate.metrics.ssim import ssim_map
from mitsgan.evaluate.metrics.windows import WINDOWS, GreyWindow
from mitsgan.scan.scan import Scan

Array = NDArray[np.float32]
Mask = NDArray[np.bool_]

LPIPS_SLICES = 12
"""Of a whole scan as many slices, evenly spread, are looked at by LPIPS: it is slow."""

_SLAB = 8


@dataclass(frozen=True)
class Metrics:
    """How far two scans are apart in one place and window; None: nothing was measured there.

    ``psnr_db`` is infinite where nothing differs.
    """

    rmse_hu: float | None = None
    mae_hu: float | None = None
    largest_hu: float | None = None
    psnr_db: float | None = None
    ssim: float | None = None
    lpips: float | None = None


@dataclass(frozen=True)
class Comparison:
    """Two scans compared in one place.

    Attributes:
        compared: what was done to both before, such as "protected".
        region: where.
        voxels: how many.
        windows: the metrics in every grey scale.
    """

    compared: str
    region: str
    voxels: int
    windows: dict[str, Metrics]


@dataclass
class Tally:
    """Sums over one region in one window."""

    window: GreyWindow
    voxels: int = 0
    squares: float = 0.0
    absolutes: float = 0.0
    largest: float = 0.0
    ssim: list[tuple[float, int]] = field(default_factory=list)
    lpips: list[tuple[float, int]] = field(default_factory=list)

    def add(self, difference: Array) -> None:
        """Count voxels in, by their differences in HU."""
        values = difference.astype(np.float64)
        self.voxels += values.size
        self.squares += float(np.vdot(values, values))
        self.absolutes += float(np.abs(values).sum())
        self.largest = max(self.largest, float(np.abs(values).max(initial=0.0)))

    def metrics(self) -> Metrics:
        """What the sums come to."""
        if not self.voxels:
            return Metrics()
        rmse = math.sqrt(self.squares / self.voxels)
        return Metrics(
            rmse_hu=rmse,
            mae_hu=self.absolutes / self.voxels,
            largest_hu=self.largest,
            psnr_db=psnr(rmse, self.window.data_range),
            ssim=_mean(self.ssim),
            lpips=_mean(self.lpips),
        )


def psnr(rmse: float, data_range: float) -> float:
    """Peak signal-to-noise ratio in dB; infinite where nothing differs."""
    return math.inf if rmse == 0 else 20 * math.log10(data_range / rmse)


def compare_scans(
    original: Scan,
    changed: Scan,
    regions: Sequence[RegionOfInterest],
    lpips: Lpips | None = None,
    *,
    windows: Sequence[GreyWindow] = WINDOWS,
) -> list[Comparison]:
    """Compare two scans of one shape over regions of the first.

    SSIM is the mean of its map over the region; over the whole scan it is the usual mean of
    whole slices, padding included.

    Args:
        original, changed: the scans.
        regions: where.
        lpips: the perceptual distance, if its weights are there; left out of what is too small.
        windows: in which grey scales.

    Returns:
        One for each region.
    """
    tallies = [[Tally(window) for window in windows] for _ in regions]
    if not fits(original.shape[1:]):
        lpips = None
    looked_at = _spread(original.shape[0], LPIPS_SLICES) if lpips else set[int]()
    for start in range(0, original.shape[0], _SLAB):
        stop = min(start + _SLAB, original.shape[0])
        a, b = original.hu(start, stop), changed.hu(start, stop)
        masks = [region.mask(original, start, stop) for region in regions]
        picked = [z - start for z in range(start, stop) if z in looked_at]
        for number, window in enumerate(windows):
            difference = _difference(a, b, window)
            similar = ssim_map(a, b, window)
            seen = lpips.maps(a[picked], b[picked], window) if lpips and picked else None
            for region, mask, row in zip(regions, masks, tallies, strict=True):
                tally = row[number]
                tally.add(difference[mask])
                inner = similar if region is WHOLE else similar[mask]
                tally.ssim.append(_sum(inner))
                if seen is not None and region is WHOLE:
                    tally.lpips += [(float(score), 1) for score in seen[0]]
                elif seen is not None:
                    tally.lpips.append(_sum(seen[1][mask[picked]]))
    return [
        _compared("protected", region.name, tally)
        for region, tally in zip(regions, tallies, strict=True)
    ]


def compare_slices(
    compared: str,
    pairs: Iterable[tuple[Array, Array, Mask, tuple[slice, slice]]],
    lpips: Lpips | None = None,
    *,
    windows: Sequence[GreyWindow] = WINDOWS,
) -> list[Comparison]:
    """Compare pairs of slices, whole and inside a square.

    Args:
        compared: what the pairs are, for the table.
        pairs: two slices ``[y, x]`` in HU, which of their pixels are no padding, and the rows
            and columns of the square.
        lpips: the perceptual distance, if its weights are there; left out of what is too small.
        windows: in which grey scales.

    Returns:
        Two: the slices of the attacks, and the squares in them that an attack repaints.
    """
    whole, square = ([Tally(window) for window in windows] for _ in range(2))
    for before, after, inside, box in pairs:
        a, b = before[None], after[None]
        for on_slice, on_square in zip(whole, square, strict=True):
            window = on_slice.window
            difference, similar = _difference(a, b, window)[0], ssim_map(a, b, window)[0]
            on_slice.add(difference[inside])
            on_slice.ssim.append(_sum(similar))
            on_square.add(difference[box][inside[box]])
            on_square.ssim.append(_sum(similar[box][inside[box]]))
            cut = (slice(None), *box)
            for tally, x, y in ((on_slice, a, b), (on_square, a[cut], b[cut])):
                if lpips is not None and fits(x.shape[1:]):
                    tally.lpips.append((float(lpips.maps(x, y, window)[0][0]), 1))
    return [
        _compared(compared, "attack slices", whole),
        _compared(compared, "attack squares", square),
    ]


def _compared(compared: str, region: str, tallies: Sequence[Tally]) -> Comparison:
    windows = {tally.window.name: tally.metrics() for tally in tallies}
    return Comparison(compared, region, tallies[0].voxels, windows)


def _difference(a: Array, b: Array, window: GreyWindow) -> Array:
    if window.clips:
        a, b = window.clip(a), window.clip(b)
    return b - a


def _sum(values: Array) -> tuple[float, int]:
    return float(values.sum(dtype=np.float64)), values.size


def _mean(sums: Sequence[tuple[float, int]]) -> float | None:
    count = sum(n for _, n in sums)
    return sum(total for total, _ in sums) / count if count else None


def _spread(count: int, wanted: int) -> set[int]:
    """Up to ``wanted`` of ``count`` slices, evenly spread, the ends left out."""
    n = min(count, wanted)
    return {int((i + 0.5) * count / n) for i in range(n)}
