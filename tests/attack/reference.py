"""CT-GAN as published, stated a second time in NumPy and SciPy: float64, one scan, one position.

Written from the description of what the release does, without a look at `mitsgan.attack`. It
breaks where the release breaks: no repair of anything is in here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy.ndimage
import scipy.stats
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Table:
    """An equalisation: ``bins`` in HU, ``cdf`` in counts, and (mean, lowest, highest) of counts."""

    bins: Array
    cdf: Array
    triple: tuple[float, float, float]


@dataclass(frozen=True)
class Tampered:
    """The scan after the cube was pasted, and after the touch-up."""

    painted: Array
    final: Array


def cut(scan: Array, centre: Sequence[int], shape: Sequence[int], pad: float = 0) -> Array:
    """A block around a voxel; where it would leave the scan, the scan gets a margin first."""
    half = np.round(np.asarray(shape) / 2).astype(int)
    low = np.asarray(centre) - half
    if (low < 0).any() or (np.asarray(centre) + half + 1 > scan.shape).any():
        scan = np.pad(scan, [(n, n) for n in shape], constant_values=pad)
        low = low + shape
    return scan[_box(low, shape)].copy()


def paste(scan: Array, cube: Array, centre: Sequence[int]) -> Array:
    """The scan with a cube around a voxel; what would leave the scan is dropped."""
    low = np.asarray(centre) - np.round(np.asarray(cube.shape) / 2).astype(int)
    inside = np.indices(cube.shape).reshape(3, -1).T + low
    there = ((inside >= 0) & (inside < scan.shape)).all(1)
    scan = scan.copy()
    scan[tuple(inside[there].T)] = cube.reshape(-1)[there]
    return scan


def scale(volume: Array, factors: Sequence[float]) -> Array:
    """Cubic spline zoom to the nearest whole number of voxels."""
    shape = np.asarray(volume.shape)
    exact = np.round(shape * np.asarray(factors)) / shape
    return np.asarray(scipy.ndimage.zoom(volume, exact, order=3, mode="nearest"))


def kern01(n: int, g: float) -> Array:
    """The bell ``[n, n]`` that blends, stretched to [0, 1]."""
    w = (2 * g + 1) / n
    k = np.diff(scipy.stats.norm.cdf(np.linspace(-g - w / 2, g + w / 2, n + 1)))
    bell = np.sqrt(np.outer(k, k))
    bell /= bell.sum()
    stretched: Array = (bell - bell.min()) / (bell.max() - bell.min())
    return stretched


def repair_overflow(cube: Array) -> Array:
    """Voxel by voxel, in array order and in place, each from what the earlier ones became."""
    cube = cube.copy()
    for voxel in np.argwhere(cube > 2000).tolist():
        cube[tuple(voxel)] = np.mean(_around(cube, voxel))
    return np.maximum(cube, -1000)


def paint(
    cube: Array, table: Table, generator: Callable[[Array], Array], core: slice = slice(6, 26)
) -> Array:
    """A cube of 32 x 32 x 32 in HU to the repainted one."""
    mean, low, high = table.triple
    q = (np.interp(cube, table.bins, table.cdf) - mean) / (high - low)
    q[core, core, core] = 0
    g = np.clip(generator(q), -0.5, 0.5)
    return repair_overflow(np.interp(g * (high - low) + mean, table.cdf, table.bins))


def tamper(
    scan: Array,
    spacing: Sequence[float],
    centre: Sequence[int],
    action: Literal["inject", "remove"],
    table: Table,
    generator: Callable[[Array], Array],
) -> Tampered:
    """Tamper with a scan ``[z, y, x]`` in HU."""
    step = np.asarray(spacing)
    n = np.round(32 / step).astype(int)
    d = int(1.3 * n.max())
    block = (d, d, d)
    cube = scale(cut(scan, centre, n.tolist()), spacing)
    if cube.shape != (32, 32, 32):
        raise ValueError(f"cannot reshape {cube.shape} to 32 x 32 x 32")
    before = cut(scan, centre, block)
    painted = paste(scan, scale(paint(cube, table, generator), (1 / step).tolist()), centre)
    after = cut(painted, centre, block)
    z, y, x = scan.shape
    b = cut(painted, (int(z / 2), int(y * 0.43), int(x * 0.27)), block)
    lung = b[b < -800]
    b[b > -800] = lung.mean() if lung.size else np.nan
    noise = b - b.mean()
    if action == "inject":
        weight = kern01(d, 3) / (1 + np.exp(-(after + 700) / 70))
        final = np.maximum((after + noise) * weight + before * (1 - weight), before)
    else:
        weight = kern01(d, 0.1)
        final = (after + noise) * weight + before * (1 - weight)
    return Tampered(painted, paste(painted, final, centre))


def _around(cube: Array, voxel: Sequence[int]) -> Array:
    """The 5 x 5 x 5 neighbourhood; beyond the cube it is -1000."""
    around = np.full((5, 5, 5), -1000.0)
    low = np.asarray(voxel) - 2
    first = np.maximum(low, 0)
    last = np.minimum(low + 5, cube.shape)
    around[_box(first - low, last - first)] = cube[_box(first, last - first)]
    return around


def _box(
    low: NDArray[np.int64], shape: Sequence[int] | NDArray[np.int64]
) -> tuple[slice, slice, slice]:
    z, y, x = (slice(int(a), int(a) + int(n)) for a, n in zip(low, shape, strict=True))
    return z, y, x
