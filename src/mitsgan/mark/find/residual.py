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

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mitsgan.anatomy.body import body_box, grown
from mitsgan.mark.find.detail import Box, Detail, clipped
from mitsgan.mark.sliding import Slider
from mitsgan.mark.strength import Blocks, averaged
from mitsgan.mark.windows import BLOCK
from mitsgan.scan.scan import Scan

Slice = NDArray[np.float32]

_MARGIN = 2 * BLOCK
_SAMPLED = 5
_QUIET = 1.5


@dataclass(frozen=True)
class Whitening:
    """Weights of the nearest neighbours along x, y and z."""

    x: float
    y: float
    z: float


def blocks_of_body(scan: Scan) -> Box:
    """Rows and columns around the body and the table, in whole blocks."""
    rows, columns = (
        grown(part, _MARGIN, BLOCK, -(-length // BLOCK) * BLOCK)
        for part, length in zip(body_box(scan), scan.shape[1:], strict=True)
    )
    return rows, columns


def estimate_whitening(scan: Scan, box: Box) -> Whitening:
    """Least squares on a few slices, where the body is free of edges."""
    depth = scan.shape[0]
    numbers = sorted(
        {round(z) for z in np.linspace(0, depth - 1, min(depth, _SAMPLED + 2))[1:-1]}
    ) or [0]
    shape = _side(box)
    detail = Detail(shape)
    along_x, along_y, along_z = _Fit(), _Fit(), _Fit()
    quiet = []
    for z in numbers:
        values, offset = clipped(scan, z, box)
        detail.look_at(values, offset)
        quiet.append(_quiet(detail.noise(), detail.mean()))
        hu = values.astype(np.float32)
        hu += np.float32(offset)
        for fit, axis in ((along_y, 0), (along_x, 1)):
            fit.add(_beside(hu, axis), hu, quiet[-1])
    x, y = along_x.weight(), along_y.weight()
    space = np.empty((3, shape[0] // 2, shape[1] // 2), np.float32)
    for z, where in zip(numbers, quiet, strict=True):
        below, here, above = (
            _flat(detail, scan, min(max(n, 0), depth - 1), (x, y), box, out)
            for n, out in zip((z - 1, z, z + 1), space, strict=True)
        )
        below += above
        along_z.add(below, here, where)
    return Whitening(x, y, along_z.weight() if depth > 1 else 0.0)


def residuals(scan: Scan, whitening: Whitening, box: Box) -> Iterator[tuple[Slice, Blocks, Blocks]]:
    """Residual, mean and local noise of every slice inside ``box``.

    Args:
        scan: under test.
        whitening: of it.
        box: rows and columns, whole blocks.

    Yields:
        The residual of each unit ``[rows / 2, columns / 2]``, HU, in an array that the next slice
        is written to; the mean of each block, HU; the noise of each block, HU, as
        `mitsgan.mark.strength.local_noise` does.
    """
    depth = scan.shape[0]
    detail = Detail(_side(box))
    weight = np.float32(-whitening.z)
    plane = (whitening.x, whitening.y)
    spaces = [np.empty(tuple(n // 2 for n in _side(box)), np.float32) for _ in range(4)]
    before, here, after, residual = spaces
    _flat(detail, scan, 0, plane, box, here)
    before[...] = here
    for z in range(depth):
        mean, noise = detail.mean(), detail.noise()
        if z + 1 < depth:
            _flat(detail, scan, z + 1, plane, box, after)
        else:
            after[...] = here
        np.add(before, after, out=residual)
        residual *= weight
        residual += here
        yield residual, mean, noise
        before, here, after = here, after, before


def one_residual(scan: Scan, z: int, whitening: Whitening, turn: tuple[int, int] = (1, 1)) -> Slice:
    """The residual of the whole of slice ``z`` alone, ``[rows / 2, columns / 2]``, rounded up.

    Args:
        scan: that the slice is in.
        z: its number.
        whitening: of the scan.
        turn: steps along rows and columns, 1 or -1: how the slice is turned before.
    """
    depth, rows, columns = scan.shape
    everything = (slice(0, rows), slice(0, columns))
    shape = rows + -rows % BLOCK, columns + -columns % BLOCK
    detail = Detail(shape)
    flat = np.empty((3, shape[0] // 2, shape[1] // 2), np.float32)
    for n, out in zip((z - 1, z, z + 1), flat, strict=True):
        values, offset = clipped(scan, min(max(n, 0), depth - 1), everything)
        over = ((0, shape[0] - rows), (0, shape[1] - columns))
        values = np.pad(values[:: turn[0], :: turn[1]], over, mode="edge")
        detail.look_at(values, offset)
        detail.units(whitening.x, whitening.y, out)
    before, here, after = flat
    return np.asarray(here - np.float32(whitening.z) * (before + after), np.float32)


def _side(box: Box) -> tuple[int, int]:
    return box[0].stop - box[0].start, box[1].stop - box[1].start


def _flat(
    detail: Detail, scan: Scan, z: int, plane: tuple[float, float], box: Box, out: Slice
) -> Slice:
    """Filtered along y and x, and added up per unit."""
    detail.look_at(*clipped(scan, z, box))
    return detail.units(*plane, out)


def _quiet(noise: Blocks, mean: Blocks) -> NDArray[np.bool_]:
    """Blocks of the body away from edges."""
    noise = averaged(noise[None], (3, 3), np.ones((1, *noise.shape), np.bool_), Slider(np.float32))[
        0
    ]
    body = (mean > -950) & (noise > 0)
    if body.any():
        body &= noise < _QUIET * np.median(noise[body])
    return np.asarray(body)


def _beside(hu: Slice, axis: int) -> Slice:
    """Sums of the two nearest neighbours along an axis; beyond an end, the last repeats."""
    total = np.empty_like(hu)
    along, by = (hu, total) if axis == 0 else (hu.T, total.T)
    np.add(along[:-2], along[2:], out=by[1:-1])
    np.add(along[0], along[1], out=by[0])
    np.add(along[-2], along[-1], out=by[-1])
    return total


class _Fit:
    """The weight of the neighbours' sum that leaves the smallest residual."""

    def __init__(self) -> None:
        self._top = self._bottom = 0.0

    def add(self, neighbours: Slice, values: Slice, where: NDArray[np.bool_]) -> None:
        """Take in what lies in blocks ``where``; ``neighbours`` are overwritten."""
        rows, columns = where.shape
        tall = neighbours.shape[0] // rows
        chosen = np.repeat(where.astype(np.float32), neighbours.shape[1] // columns, axis=1)
        inside = neighbours.reshape(rows, tall, -1)
        inside *= chosen[:, None]
        self._top += _dot(neighbours, values)
        self._bottom += _dot(neighbours, neighbours)

    def weight(self) -> float:
        """Of all samples."""
        return self._top / self._bottom if self._bottom else 0.0


def _dot(first: Slice, second: Slice) -> float:
    # Row by row, and no product of matrices: BLAS would set threads on it.
    return float(np.einsum("ij,ij->i", first, second).sum(dtype=np.float64))
