"""How noisy a scan is where: measured on the scan itself, on a coarse grid, nothing learned.

A small patch of a slice is a plane plus noise, unless something is in it. So the spread about the
plane that fits best is measured on patches of 4 mm, and the lower quartile over a neighbourhood of
20 mm passes over those that vessels and edges run through. Noise of CT is correlated, and what
varies more slowly than a patch is lost with the plane: the result is rather too low than too high.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mitsgan.anatomy.mask import WHOLE, Box
from mitsgan.scan.once import once_per_scan
from mitsgan.scan.scan import AIR_HU, Scan

PATCH_MM = 4.0
"""Side of a patch in the plane; slices are picked about as far apart."""

AROUND = 5
"""Patches along each side of a neighbourhood; the next one lies two patches further."""

_STEP = 2
_QUANTILE = 0.25
_METAL_HU = 4000.0
Coarse = NDArray[np.float32]


@dataclass(frozen=True)
class NoiseMap:
    """The local noise of one scan.

    Attributes:
        sigma: ``[z, y, x]``, HU, at the centres of the neighbourhoods.
        centres: of them along each axis, in voxels, ascending.
        shape: of the scan.
    """

    sigma: Coarse
    centres: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]
    shape: tuple[int, int, int]

    def hu(self, start: int = 0, stop: int | None = None, box: Box = WHOLE) -> NDArray[np.float32]:
        """``[z, y, x]`` of slices ``start:stop``, rows and columns ``box``; linear between centres.

        A new array.
        """
        values = self.sigma
        for axis, part in enumerate((slice(start, stop), *box)):
            wanted = np.arange(self.shape[axis])[part]
            values = _between(values, self.centres[axis], wanted, axis)
        return values


@once_per_scan
def measure_noise(scan: Scan) -> NoiseMap:
    """Measure the noise of a scan, once; padding counts as air without any."""
    depth, *plane = scan.shape
    side = [max(3, round(PATCH_MM / s)) for s in scan.spacing[1:]]
    side = [min(a, n) for a, n in zip(side, plane, strict=True)]
    apart = max(1, round(PATCH_MM / scan.spacing[0]))
    picked = np.arange((depth - 1) % apart // 2, depth, apart)
    spread = np.stack([_spread(_slice(scan, int(z)), side[0], side[1]) for z in picked])
    centres = [picked.astype(np.float64)]
    centres += [(np.arange(n) + 0.5) * a - 0.5 for n, a in zip(spread.shape[1:], side, strict=True)]
    sides = [min(AROUND, n) for n in spread.shape]
    around = np.lib.stride_tricks.sliding_window_view(spread, sides)
    around = around[tuple(slice((n - 1) % _STEP // 2, None, _STEP) for n in around.shape[:3])]
    around = around.reshape(*around.shape[:3], -1)
    rank = round(_QUANTILE * (around.shape[-1] - 1))
    sigma = np.partition(around, rank, axis=-1)[..., rank].astype(np.float32)
    middles = [
        (c[: n - w + 1] + c[w - 1 :])[(n - w) % _STEP // 2 :: _STEP] / 2
        for c, n, w in zip(centres, spread.shape, sides, strict=True)
    ]
    return NoiseMap(sigma, (middles[0], middles[1], middles[2]), scan.shape)


def _slice(scan: Scan, z: int) -> NDArray[np.float32]:
    hu: NDArray[np.float32] = scan.hu(z, z + 1)[0]
    if not scan.is_integer:
        np.nan_to_num(hu, copy=False, nan=AIR_HU)
    return np.clip(hu, np.float32(AIR_HU), np.float32(_METAL_HU), out=hu)


def _spread(hu: NDArray[np.float32], rows: int, columns: int) -> Coarse:
    """Standard deviation about the best plane, in patches of ``rows`` by ``columns`` voxels."""
    height, width = (n // a * a for n, a in zip(hu.shape, (rows, columns), strict=True))
    v = np.arange(rows, dtype=np.float32) - np.float32((rows - 1) / 2)
    u = np.arange(columns, dtype=np.float32) - np.float32((columns - 1) / 2)
    total = np.zeros((height // rows, width // columns), np.float32)
    squares, down, along = total.copy(), total.copy(), total.copy()
    corner = hu[:height:rows, :width:columns]  # squares of small numbers lose no digits
    for i in range(rows):
        for j in range(columns):
            value = hu[i:height:rows, j:width:columns] - corner
            total += value
            squares += value * value
            down += v[i] * value
            along += u[j] * value
    count = rows * columns
    squares -= total * total / count
    if rows > 1:
        squares -= down * down / (columns * np.float32(v @ v))
    if columns > 1:
        squares -= along * along / (rows * np.float32(u @ u))
    free = max(1, count - 1 - (rows > 1) - (columns > 1))
    return np.asarray(np.sqrt(np.maximum(squares, 0) / free), np.float32)


def _between(
    values: Coarse, centres: NDArray[np.float64], wanted: NDArray[np.int64], axis: int
) -> NDArray[np.float32]:
    """Linear between centres along one axis, beyond the outermost ones as there."""
    at = np.clip(np.searchsorted(centres, wanted) - 1, 0, max(len(centres) - 2, 0))
    after = np.minimum(at + 1, len(centres) - 1)
    gap = np.where(after > at, centres[after] - centres[at], 1.0)
    share = np.clip((wanted - centres[at]) / gap, 0, 1).astype(np.float32)
    share = share.reshape([-1 if k == axis else 1 for k in range(3)])
    low = np.take(values, at, axis)
    low += share * (np.take(values, after, axis) - low)
    return low
