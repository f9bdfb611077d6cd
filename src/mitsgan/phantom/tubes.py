"""Thousands of tubes painted at once: a voxel gets what painting one after the other would give."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from mitsgan.phantom.shapes import Array, Canvas
from mitsgan.phantom.tree import Segment

_SMALL = 4096
"""Voxels of a tube's box from which on it is painted alone: then its arithmetic is what takes time,
not the calls."""
_AT_ONCE = 1 << 17
"""Pairs of a tube and a voxel worked on at once; some 20 MB."""

Ints = NDArray[np.int64]


def paint_tubes(canvas: Canvas, tubes: Sequence[Segment], hu: float) -> None:
    """Paint tubes in their order, as `Canvas.paint_tube` paints one, to the bit."""
    boxed = _boxed(canvas, tubes)
    for first, last in _batches(boxed.voxels):
        if last - first == 1 and boxed.voxels[first] > _SMALL:
            one = tubes[first]
            canvas.paint_tube(one.start, one.stop, one.radius, one.end_radius, hu)
        else:
            _paint(canvas, boxed.part(first, last), np.float32(hu))


@dataclass(frozen=True)
class _Boxed:
    """Tubes, each with the box of voxels ``[z, y, x]`` that it is painted in."""

    corner: Ints
    size: Ints
    start: Array
    axis: Array
    square: Array
    radius: Array
    widen: Array
    strength: Array

    @property
    def voxels(self) -> Ints:
        count: Ints = self.size.prod(axis=1)
        return count

    def part(self, first: int, last: int) -> _Boxed:
        return _Boxed(*(getattr(self, field.name)[first:last] for field in fields(self)))


def _boxed(canvas: Canvas, tubes: Sequence[Segment]) -> _Boxed:
    """See `Canvas.paint_tube` and `mitsgan.phantom.shapes.tube`, which say the same of one."""
    start, stop = (np.array([getattr(tube, end) for tube in tubes]) for end in ("start", "stop"))
    radius = np.array([tube.radius for tube in tubes])
    end_radius = np.array([tube.end_radius for tube in tubes])
    most = np.maximum(radius, end_radius)[:, None]
    low = np.minimum(start, stop) - most - canvas.blur
    high = np.maximum(start, stop) + most + canvas.blur
    axes = (canvas.z, canvas.y, canvas.x)
    corner, end = (
        np.stack([np.searchsorted(axes[n], edge[:, 2 - n]) for n in range(3)], axis=1)
        for edge in (low, high)
    )
    axis = stop.astype(np.float32) - start.astype(np.float32)
    return _Boxed(
        corner=corner,
        size=np.maximum(end - corner, 0),
        start=start.astype(np.float32),
        axis=axis,
        square=np.array([max(float(way @ way), 1e-6) for way in axis], np.float32),
        radius=radius.astype(np.float32),
        widen=(end_radius - radius).astype(np.float32),
        strength=np.minimum(1.0, 2 * (radius + end_radius) / 2 / canvas.blur).astype(np.float32),
    )


def _batches(voxels: Ints) -> Iterator[tuple[int, int]]:
    """Runs of tubes, first and last, that are painted at once; a large one is a run of its own."""
    first, pairs = 0, 0
    for number, count in enumerate(voxels.tolist()):
        if number > first and (count > _SMALL or pairs + count > _AT_ONCE):
            yield first, number
            first, pairs = number, 0
        pairs += count
        if count > _SMALL:
            yield first, number + 1
            first, pairs = number + 1, 0
    if first < len(voxels):
        yield first, len(voxels)


def _paint(canvas: Canvas, tubes: _Boxed, hu: np.float32) -> None:
    """Paint a run of tubes."""
    tube = np.repeat(np.arange(len(tubes.size)), tubes.voxels)
    inside = np.arange(len(tube)) - np.repeat(np.cumsum(tubes.voxels) - tubes.voxels, tubes.voxels)
    _, ny, nx = tubes.size[tube].T
    z, y, x = tubes.corner[tube].T + np.stack([inside // (ny * nx), inside // nx % ny, inside % nx])
    weight = canvas.cover(_distance(canvas, tubes, tube, (z, y, x))) * tubes.strength[tube]
    covered = weight > 0  # others stay as they are
    weight = weight[covered]
    place = np.ravel_multi_index((z[covered], y[covered], x[covered]), canvas.hu.shape)
    for turn in _turns(place):
        voxel = np.unravel_index(place[turn], canvas.hu.shape)
        canvas.hu[voxel] += weight[turn] * (hu - canvas.hu[voxel])


def _distance(canvas: Canvas, tubes: _Boxed, tube: Ints, voxel: tuple[Ints, Ints, Ints]) -> Array:
    """Of each voxel from the tube beside it, mm."""
    z, y, x = voxel
    start, axis = tubes.start[tube].T, tubes.axis[tube].T
    dx, dy, dz = canvas.x[x] - start[0], canvas.y[y] - start[1], canvas.z[z] - start[2]
    along = np.clip((dx * axis[0] + dy * axis[1] + dz * axis[2]) / tubes.square[tube], 0, 1)
    off = (dx - along * axis[0]) ** 2 + (dy - along * axis[1]) ** 2 + (dz - along * axis[2]) ** 2
    distance: Array = np.sqrt(off) - tubes.radius[tube] - tubes.widen[tube] * along
    return distance


def _turns(place: Ints) -> list[Ints]:
    """Which entries to paint in which turn, so that each turn paints a voxel once at most.

    The first entry of every voxel has the first turn, the second the second, and so on.
    """
    order = np.argsort(place, kind="stable")
    ordered = place[order]
    begins = np.concatenate([[True], ordered[1:] != ordered[:-1]])[: len(ordered)]
    count = np.arange(len(ordered))
    turn = count - np.maximum.accumulate(np.where(begins, count, 0))
    by_turn = np.argsort(turn, kind="stable")
    return np.split(order[by_turn], np.cumsum(np.bincount(turn))[:-1])
