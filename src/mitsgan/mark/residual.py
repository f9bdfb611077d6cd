"""What neighbours do not tell: the residual of a scan in which the mark is looked for.

The noise of a CT scan is coloured by its reconstruction kernel, the mark is white. The best
statistic for a white pattern in coloured noise is the product of the pattern with the error of
predicting each voxel from its neighbours (the inverse covariance applied to the scan); it leaves
the mark as it was and takes away most of the noise. The noise is close to separable, so three
short filters, one for each axis, do; their weights are estimated on the scan at hand, whatever it
went through.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mitsgan.mark.strength import (
    BLOCK,
    Blocks,
    block_sums,
    local_noise,
    noise_of,
    padded_slice,
    spread,
)
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
    """Weights of the nearest and the second neighbours along x, y and z."""

    x: tuple[float, float]
    y: tuple[float, float]
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
    x = _fit([pair for s, q in zip(stacks, quiet, strict=True) for pair in _samples(s[1], q, 1)])
    stacks = [[_along(c, x, 1) for c in s] for s in stacks]
    y = _fit([pair for s, q in zip(stacks, quiet, strict=True) for pair in _samples(s[1], q, 0)])
    stacks = [[_along(c, y, 0) for c in s] for s in stacks]
    top = bottom = 0.0
    for (below, here, above), where in zip(stacks, quiet, strict=True):
        both = (below + above)[where]
        top += float((both * here[where]).sum())
        bottom += float(np.square(both).sum())
    return Whitening(x, y, top / bottom if depth > 1 and bottom else 0.0)


def residuals(
    scan: Scan, whitening: Whitening, box: Box, start: int = 0, stop: int | None = None
) -> Iterator[tuple[Slice, Blocks, Blocks]]:
    """Residual, mean and local noise of slices ``start:stop`` inside ``box``.

    Yields:
        The residual ``[y, x]``, HU, in an array that the next slice is written to; the mean of
        each block, HU; the noise of each block, HU, as `mitsgan.mark.strength.local_noise` does.
    """
    depth = scan.shape[0]
    stop = depth if stop is None else stop
    filters = _Filters(whitening, box)
    weight = np.float32(-whitening.z)
    first = filters.flat(scan, start - 1)[0] if start else None
    here, mean, noise = filters.flat(scan, start)
    before = here if first is None else first
    for z in range(start, stop):
        after, next_mean, next_noise = here, mean, noise
        if z + 1 < depth:
            after, next_mean, next_noise = filters.flat(scan, z + 1)
        residual = np.add(before, after, out=filters.residual)
        residual *= weight
        residual += here
        yield residual, mean, noise
        before, here, mean, noise = here, after, next_mean, next_noise


class _Filters:
    """The filters along x and y, in arrays that serve again for every slice.

    Fresh arrays cost as much as the sums in them. Of the filtered slices, the last three stay.
    """

    def __init__(self, whitening: Whitening, box: Box) -> None:
        rows, columns = (part.stop - part.start for part in box)
        self.whitening, self.box = whitening, box
        self.wide = np.empty((rows, columns + 4), np.float32)
        self.tall = np.empty((rows + 4, columns), np.float32)
        self.near, self.far, self.residual, *self.kept = (
            np.empty((rows, columns), np.float32) for _ in range(6)
        )

    def flat(self, scan: Scan, z: int) -> tuple[Slice, Blocks, Blocks]:
        """A slice filtered along x and y; the means and the noise of its blocks."""
        wide, tall, near, far = self.wide, self.tall, self.near, self.far
        hu = wide[:, 2:-2]
        np.minimum(padded_slice(scan, z, self.box), np.float32(_HIGHEST_HU), out=hu)
        wide[:, :2], wide[:, -2:] = hu[:, :1], hu[:, -1:]
        np.add(wide[:, 1:-3], wide[:, 3:-1], out=near)
        np.add(wide[:, :-4], wide[:, 4:], out=far)
        mean = block_sums(hu) * np.float32(1 / BLOCK**2)
        np.multiply(near, np.float32(-self.whitening.x[0]), out=tall[2:-2])
        far *= np.float32(-self.whitening.x[1])
        far += hu
        tall[2:-2] += far
        noise = noise_of(hu, near)
        tall[:2], tall[-2:] = tall[2], tall[-3]
        np.add(tall[1:-3], tall[3:-1], out=near)
        np.add(tall[:-4], tall[4:], out=far)
        out = self.kept.pop(0)
        self.kept.append(out)
        np.multiply(near, np.float32(-self.whitening.y[0]), out=out)
        far *= np.float32(-self.whitening.y[1])
        out += far
        out += tall[2:-2]
        return out, mean, noise


def one_residual(scan: Scan, z: int, whitening: Whitening, box: Box) -> Slice:
    """The residual of slice ``z`` alone, as `residuals` gives it."""
    depth = scan.shape[0]
    before, here, after = (
        _along(_along(_clipped(scan, n, box), whitening.x, 1), whitening.y, 0)
        for n in (max(z - 1, 0), z, min(z + 1, depth - 1))
    )
    return np.asarray(here - np.float32(whitening.z) * (before + after), np.float32)


def _clipped(scan: Scan, z: int, box: Box) -> Slice:
    hu = padded_slice(scan, z, box)
    return np.minimum(hu, np.float32(_HIGHEST_HU), out=hu)


def _quiet(hu: Slice) -> NDArray[np.bool_]:
    """Voxels of the body away from edges."""
    noise, mean = local_noise(hu), block_sums(hu) / BLOCK**2
    body = (mean > -950) & (noise > 0)
    if body.any():
        body &= noise < _QUIET * np.median(noise[body])
    chosen: NDArray[np.bool_] = spread(body.astype(np.float32), (hu.shape[0], hu.shape[1])) > 0
    return chosen


def _neighbours(values: Slice, axis: int) -> tuple[Slice, Slice]:
    """Sums of the two nearest and of the two second neighbours along an axis."""
    pad = [(0, 0), (0, 0)]
    pad[axis] = (2, 2)
    wide = np.pad(values, pad, mode="edge")
    n = values.shape[axis]
    at = [wide[k : k + n] if axis == 0 else wide[:, k : k + n] for k in (0, 1, 3, 4)]
    return at[1] + at[2], at[0] + at[3]


def _along(values: Slice, weights: tuple[float, float], axis: int) -> Slice:
    near, far = _neighbours(values, axis)
    near *= np.float32(-weights[0])
    far *= np.float32(-weights[1])
    near += far
    near += values
    return near


def _samples(values: Slice, where: NDArray[np.bool_], axis: int) -> list[tuple[Slice, Slice]]:
    near, far = _neighbours(values, axis)
    return [(np.stack([near[where], far[where]]), values[where])]


def _dot(a: Slice, b: Slice) -> float:
    return float((a * b).sum(dtype=np.float64))


def _fit(samples: list[tuple[Slice, Slice]]) -> tuple[float, float]:
    """Weights of near and far neighbours that leave the smallest residual."""
    left = np.zeros((2, 2))
    right = np.zeros(2)
    for neighbours, values in samples:
        near, far = neighbours
        # Sums, not products of matrices: BLAS would set threads on them.
        left += [[_dot(near, near), _dot(near, far)], [_dot(far, near), _dot(far, far)]]
        right += [_dot(near, values), _dot(far, values)]
    if not left[0, 0] > 0:
        return 0.5, 0.0
    first, second = np.linalg.lstsq(left, right, rcond=None)[0]
    return float(first), float(second)
