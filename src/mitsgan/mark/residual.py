"""What neighbours do not tell: the residual of a scan in which the mark is looked for.

The noise of a CT scan is coloured by its reconstruction kernel, the mark is of the finest detail.
The best statistic for a known pattern in coloured noise is the product of the pattern with the
error of predicting each voxel from its neighbours (the inverse covariance applied to the scan): it
takes away most of the noise, and of the anatomy. The nearest neighbours along x, y and z do; their
weights are estimated on the scan at hand, whatever it went through.

All signs of a unit of 2 x 2 voxels follow from one bit, so what is kept is one number per unit:
the errors of its four voxels, added up with alternating signs. Along an axis that is a filter of
four taps on every other voxel.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mitsgan.mark.strength import (
    Blocks,
    averaged,
    block_sums,
    local_noise,
    noise_of,
    padded_slice,
    spread,
)
from mitsgan.mark.windows import BLOCK
from mitsgan.scan.scan import Scan

Slice = NDArray[np.float32]
Box = tuple[slice, slice]

_BODY_HU = -300.0
_PICK = 4
_THIN = 0.05
_SAMPLED = 5
_HIGHEST_HU = 1500.0
_QUIET = 1.5


@dataclass(frozen=True)
class Whitening:
    """Weights of the nearest neighbours along x, y and z."""

    x: float
    y: float
    z: float


def body_box(scan: Scan) -> Box:
    """Rows and columns around the body and the table, in whole blocks; found on every 4th voxel."""
    picked = scan.stored[::_PICK, ::_PICK, ::_PICK]
    slope, intercept = (v[::_PICK, None, None] for v in (scan.slope, scan.intercept))
    body = picked > (_BODY_HU - intercept) / slope
    rows, columns = (
        _reach(np.asarray(body.sum(axes)), n)
        for axes, n in zip(((0, 2), (0, 1)), scan.shape[1:], strict=True)
    )
    return rows, columns


def _reach(count: NDArray[np.int64], length: int) -> slice:
    blocks = -(-length // BLOCK)
    where = np.flatnonzero(count > _THIN * count.max())
    if not len(where):
        return slice(0, blocks * BLOCK)
    low, high = max(int(where[0]) - 2, 0), min(int(where[-1]) + 3, blocks)
    return slice(low * BLOCK, high * BLOCK)


def estimate_whitening(scan: Scan, box: Box) -> Whitening:
    """Least squares on a few slices, where the body is free of edges."""
    depth = scan.shape[0]
    numbers = sorted(
        {round(z) for z in np.linspace(0, depth - 1, min(depth, _SAMPLED + 2))[1:-1]}
    ) or [0]
    stacks, quiet = [], []
    for z in numbers:
        around = [min(max(n, 0), depth - 1) for n in (z - 1, z, z + 1)]
        stacks.append([_clipped(scan, n, box) for n in around])
        quiet.append(_quiet(stacks[-1][1]))
    x, y = (
        _fit(
            (_beside(stack[1], axis)[where], stack[1][where])
            for stack, where in zip(stacks, quiet, strict=True)
        )
        for axis in (1, 0)
    )
    flat = [[_units(hu, x, y) for hu in stack] for stack in stacks]
    z_weight = _fit(
        ((below + above)[where[::2, ::2]], here[where[::2, ::2]])
        for (below, here, above), where in zip(flat, quiet, strict=True)
    )
    return Whitening(x, y, z_weight if depth > 1 else 0.0)


def residuals(
    scan: Scan, whitening: Whitening, box: Box, start: int = 0, stop: int | None = None
) -> Iterator[tuple[Slice, Blocks, Blocks]]:
    """Residual, mean and local noise of slices ``start:stop`` inside ``box``.

    Yields:
        The residual of each unit ``[rows / 2, columns / 2]``, HU, in an array that the next slice
        is written to; the mean of each block, HU; the noise of each block, HU, as
        `mitsgan.mark.strength.local_noise` does.
    """
    depth = scan.shape[0]
    stop = depth if stop is None else stop
    weight = np.float32(-whitening.z)

    def flat(z: int) -> tuple[Slice, Blocks, Blocks]:
        hu = _clipped(scan, z, box)
        differences = hu[0::2] - hu[1::2]
        mean = block_sums(hu) * np.float32(1 / BLOCK**2)
        return _units(hu, whitening.x, whitening.y, differences), mean, noise_of(differences)

    first = flat(start - 1)[0] if start else None
    here, mean, noise = flat(start)
    before = here if first is None else first
    residual = np.empty_like(here)
    for z in range(start, stop):
        after, next_mean, next_noise = here, mean, noise
        if z + 1 < depth:
            after, next_mean, next_noise = flat(z + 1)
        np.add(before, after, out=residual)
        residual *= weight
        residual += here
        yield residual, mean, noise
        before, here, mean, noise = here, after, next_mean, next_noise


def one_residual(scan: Scan, z: int, whitening: Whitening, turn: tuple[int, int] = (1, 1)) -> Slice:
    """The residual of the whole of slice ``z`` alone, ``[rows / 2, columns / 2]``, rounded up.

    Args:
        scan: that the slice is in.
        z: its number.
        whitening: of the scan.
        turn: steps along rows and columns, 1 or -1: how the slice is turned before.
    """
    rows, columns = scan.shape[1:]
    flat = []
    for n in (z - 1, z, z + 1):
        hu = _clipped(scan, min(max(n, 0), scan.shape[0] - 1), _EVERYTHING)[:rows, :columns]
        hu = hu[:: turn[0], :: turn[1]]
        hu = np.pad(hu, ((0, -rows % BLOCK), (0, -columns % BLOCK)), mode="edge")
        flat.append(_units(hu, whitening.x, whitening.y))
    before, here, after = flat
    return np.asarray(here - np.float32(whitening.z) * (before + after), np.float32)


_EVERYTHING: Box = (slice(None), slice(None))


def _units(hu: Slice, x: float, y: float, differences: Slice | None = None) -> Slice:
    """Filtered along y and x, and added up per unit."""
    tall = hu[0::2] - hu[1::2] if differences is None else differences
    half = _taps(hu[0::2], hu[1::2], tall, y)
    across = half.T
    return _taps(across[0::2], across[1::2], across[0::2] - across[1::2], x).T


def _taps(even: Slice, odd: Slice, differences: Slice, weight: float) -> Slice:
    """Differences of every two along the first axis, less what the neighbours of both tell.

    In units of the mark: two voxels that differ by twice its amplitude give just that. Beyond
    either end, the first and the last repeat.
    """
    beside = np.empty(even.shape, np.float32)
    np.subtract(even[2:], odd[:-2], out=beside[1:-1])
    beside[0] = even[1] - even[0]
    beside[-1] = odd[-1] - odd[-2]
    beside *= np.float32(weight / (1 + weight))
    beside += differences
    return beside


def _clipped(scan: Scan, z: int, box: Box) -> Slice:
    hu = padded_slice(scan, z, box)
    return np.minimum(hu, np.float32(_HIGHEST_HU), out=hu)


def _quiet(hu: Slice) -> NDArray[np.bool_]:
    """Voxels of the body away from edges."""
    noise, mean = averaged(local_noise(hu), (3, 3)), block_sums(hu) / BLOCK**2
    body = (mean > -950) & (noise > 0)
    if body.any():
        body &= noise < _QUIET * np.median(noise[body])
    chosen: NDArray[np.bool_] = spread(body.astype(np.float32), (hu.shape[0], hu.shape[1])) > 0
    return chosen


def _beside(hu: Slice, axis: int) -> Slice:
    """Sums of the two nearest neighbours along an axis."""
    wide = np.pad(hu, [(1, 1) if k == axis else (0, 0) for k in (0, 1)], mode="edge")
    return np.asarray(wide[:-2] + wide[2:] if axis == 0 else wide[:, :-2] + wide[:, 2:])


def _fit(samples: Iterable[tuple[Slice, Slice]]) -> float:
    """The weight of the neighbours' sum that leaves the smallest residual."""
    top = bottom = 0.0
    for neighbours, values in samples:
        # Sums, not products of matrices: BLAS would set threads on them.
        top += float((neighbours * values).sum(dtype=np.float64))
        bottom += float(np.square(neighbours).sum(dtype=np.float64))
    return top / bottom if bottom else 0.0
