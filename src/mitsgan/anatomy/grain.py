"""The grain of a lung: how rough a scan is where its density is level, place by place.

What a mean over a few pixels takes away is noise, as the scanner and its kernel left it, and the
edges of vessels. In cells of 4 mm its strength is taken in two bands; of the cells around a place
a low quantile passes over those that vessels run through. What is usual around is the same over
several centimetres.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from mitsgan.anatomy.lung import find_lung
from mitsgan.anatomy.mask import CoarseMask, Triple
from mitsgan.scan.once import once_per_scan
from mitsgan.scan.scan import AIR_HU, Scan

CELL_MM = 4.0
"""Side of a cell."""

PLACE_MM = 20.0
"""What belongs to a place: as much as attackers paint unseen."""

_USUAL_MM = 30.0
"""Standard deviation of the Gaussian that what is usual around a place is taken over."""

_QUANTILE = 0.4
_LARGEST_HU = 600.0
_LEAST_HU = 0.1
"""Keeps the logarithm finite where a scan has no noise at all."""

_FINE, _BAND = 3, 7
"""Pixels of the means: fine is what the first takes away, the band lies between the two."""

Cells = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Grain:
    """Of one scan, in cells.

    Attributes:
        fine: ``[z, y, x]``, the logarithm of the RMS in HU of what a mean of 3 x 3 pixels takes
            away.
        band: the same of what lies between means of 3 x 3 and of 7 x 7 pixels.
        inside: ``[z, y, x]``, whether the middle of the cell lies in the lung, or in what the lung
            closes in.
        cell: voxels of a cell ``[z, y, x]``.
        spacing: of the scan, mm ``[z, y, x]``.
    """

    fine: Cells
    band: Cells
    inside: NDArray[np.bool_]
    cell: Triple
    spacing: tuple[float, float, float]

    @property
    def first(self) -> tuple[float, float, float]:
        """The voxel in the middle of the first cell ``[z, y, x]``."""
        z, y, x = ((n - 1) / 2 for n in self.cell)
        return z, y, x

    def around(self, values: Cells) -> Cells:
        """A low quantile of the cells within 20 mm, ``[z, y, x]``; NaN outside the lung."""
        sides = [max(1, 2 * round((n - 1) / 2) + 1) for n in self._in_cells(PLACE_MM)]
        rims = [(n // 2, n // 2) for n in sides]
        windows = np.lib.stride_tricks.sliding_window_view(np.pad(values, rims, "edge"), sides)
        picked = windows[self.inside].reshape(int(self.inside.sum()), -1)
        result = np.full(values.shape, np.nan, np.float32)
        if len(picked):
            rank = round(_QUANTILE * (picked.shape[1] - 1))
            result[self.inside] = np.partition(picked, rank, axis=1)[:, rank]
        return result

    def usual(self, around: Cells) -> Cells:
        """What `around` gives over some centimetres of lung, ``[z, y, x]``, in every cell."""
        sigma = self._in_cells(_USUAL_MM)
        known = np.isfinite(around)
        if not known.any():
            return np.zeros_like(around)
        middle = float(np.median(around[known]))
        weight, total = (
            ndimage.gaussian_filter(part.astype(np.float32), sigma, mode="constant", truncate=3)
            for part in (known, np.where(known, around - middle, 0))
        )
        return np.asarray(middle + total / np.maximum(weight, 1e-3), np.float32)

    @cached_property
    def usual_hu(self) -> Cells:
        """The usual strength of the fine grain around every cell, HU ``[z, y, x]``."""
        return np.asarray(np.exp(self.usual(self.around(self.fine))), np.float32)

    def usual_at(self, position: Sequence[int]) -> float:
        """`usual_hu` at a voxel ``[z, y, x]``."""
        z, y, x = (
            min(max(p // n, 0), size - 1)
            for p, n, size in zip(position, self.cell, self.fine.shape, strict=True)
        )
        return float(self.usual_hu[z, y, x])

    def _in_cells(self, mm: float) -> list[float]:
        return [mm / (n * s) for n, s in zip(self.cell, self.spacing, strict=True)]


@once_per_scan
def scan_grain(scan: Scan) -> Grain:
    """The grain of a scan, with the lung that is found in it.

    Raises:
        ScanError: there is no lung.
    """
    hu = scan.hu()
    if not scan.is_integer:
        np.nan_to_num(hu, copy=False, nan=AIR_HU)
    return measure_grain(hu, scan.spacing, find_lung(scan))


def measure_grain(
    hu: NDArray[np.float32], spacing: tuple[float, float, float], lung: CoarseMask
) -> Grain:
    """The grain of HU ``[z, y, x]``; spacing in mm ``[z, y, x]``."""
    z, y, x = (min(n, max(1, round(CELL_MM / s))) for n, s in zip(hu.shape, spacing, strict=True))
    cell = (z, y, x)
    shape = [n // c for n, c in zip(hu.shape, cell, strict=True)]
    fine, band = (np.empty(shape, np.float32) for _ in range(2))
    for number in range(shape[0]):
        slab = hu[number * z : (number + 1) * z].clip(AIR_HU, _LARGEST_HU)
        narrow = ndimage.uniform_filter(slab, (0, _FINE, _FINE))
        wide = ndimage.uniform_filter(slab, (0, _BAND, _BAND))
        fine[number] = _strength(slab - narrow, cell, shape)
        band[number] = _strength(narrow - wide, cell, shape)
    return Grain(fine, band, _inside(lung, cell, shape), cell, spacing)


def _strength(values: NDArray[np.float32], cell: Triple, shape: Sequence[int]) -> Cells:
    """Logarithm of the RMS in the cells of one layer, ``[y, x]``."""
    _, y, x = cell
    _, rows, columns = shape
    cut = values[:, : rows * y, : columns * x].reshape(-1, rows, y, columns, x)
    rms = np.sqrt(np.mean(np.square(cut), axis=(0, 2, 4)))
    return np.asarray(np.log(np.maximum(rms, _LEAST_HU)), np.float32)


def _inside(lung: CoarseMask, cell: Triple, shape: Sequence[int]) -> NDArray[np.bool_]:
    """Whether the middles of cells lie in the lung, nodules that it closes in filled."""
    filled = ndimage.binary_fill_holes(lung.mask)
    nearest = [
        np.minimum(np.rint(((np.arange(n) + 0.5) * c - 0.5) / s).astype(int), size - 1)
        for n, c, s, size in zip(shape, cell, lung.stride, filled.shape, strict=True)
    ]
    return np.asarray(filled[np.ix_(*nearest)])
