"""Sums, and largest values, in windows that slide over the blocks of a scan."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from mitsgan.mark.windows import Window
from mitsgan.slabs import slab_by_slab

SLAB = 8
"""Slices that are looked at together: few enough for the cache."""

Value = TypeVar("Value", np.float32, np.bool_)


class Slider:
    """Joins the values in sliding windows, a slab of slices at a time, for one thread.

    In buffers of its own that are written again and again, since memory that the cache holds is
    many times faster. There, slices have a margin of zeros and lie end to end, so that a window
    one further along any axis is the same step away everywhere.
    """

    def __init__(self, dtype: type[np.generic], results: int = 1) -> None:
        """
        Args:
            dtype: of the values.
            results: how many are kept at a time.
        """
        self._dtype = dtype
        self._spare = [np.empty(0, dtype) for _ in range(3)]
        self._results = [np.empty(0, dtype) for _ in range(results)]

    def sums(
        self,
        values: NDArray[Any],
        sides: Window,
        start: int,
        stop: int,
        result: int = 0,
        where: NDArray[np.bool_] | None = None,
    ) -> NDArray[Any]:
        """Sums over the window around each block of slices ``start:stop``, cut off at the borders.

        A window of even side reaches one block further towards the start.

        Args:
            values: ``[z, y, x]``, all slices.
            sides: of the window.
            start, stop: slices wanted.
            result: which of the results to keep it as.
            where: which values count, of all slices; all, unless given.

        Returns:
            The sums, and a margin without meaning behind the rows and columns of ``values``;
            overwritten by the next call for the same ``result``.
        """
        return self._join(values, sides, start, stop, result, np.add, where, ahead=False)

    def largest(
        self, values: NDArray[Any], sides: Window, start: int, stop: int, result: int = 0
    ) -> NDArray[Any]:
        """As `sums`, but the largest value, none below 0; reaches further towards the end."""
        return self._join(values, sides, start, stop, result, np.maximum, None, ahead=True)

    def space(self, number: int, like: NDArray[Any]) -> NDArray[Any]:
        """One of three arrays as large as a result, to compute in until the next sums."""
        return self._spare[number][: like.size].reshape(like.shape)

    def _join(
        self,
        values: NDArray[Any],
        sides: Window,
        start: int,
        stop: int,
        result: int,
        join: np.ufunc,
        where: NDArray[np.bool_] | None,
        *,
        ahead: bool,
    ) -> NDArray[Any]:
        depth, rows, columns = values.shape
        # Beyond twice the length, a window has everything whatever it is around.
        tall, high, wide = (min(a, 2 * n) for a, n in zip(sides, values.shape, strict=True))
        before = [side - 1 - side // 2 if ahead else side // 2 for side in (tall, high, wide)]
        shape = (stop - start, rows + high - 1, columns + wide - 1)
        whole, area = shape[0] * shape[1] * shape[2], rows * columns
        self._grow(max(whole, (stop - start + tall - 1) * area))
        first, end = start - before[0], stop - before[0] + tall - 1
        low, last = max(first, 0), min(end, depth)
        part = values[low:last]
        if where is not None or len(part) < end - first or not part.flags.c_contiguous:
            padded = self._spare[0][: (end - first) * area].reshape(-1, rows, columns)
            padded[: low - first] = 0
            padded[last - first :] = 0
            inside = padded[low - first : last - first]
            if where is None:
                inside[...] = part
            else:
                np.multiply(part, where[low:last], out=inside)
            part = padded
        part = self._along(part.reshape(-1), tall, area, join)
        space = self._free(part, part)[:whole]
        framed = space.reshape(shape)
        framed[:, : before[1]] = 0
        framed[:, before[1] + rows :] = 0
        framed[:, :, : before[2]] = 0
        framed[:, :, before[2] + columns :] = 0
        framed[:, before[1] : before[1] + rows, before[2] : before[2] + columns] = part.reshape(
            shape[0], rows, columns
        )
        joined = self._along(self._along(space, high, shape[2], join), wide, 1, join)
        number = next(k for k, buffer in enumerate(self._spare) if buffer is joined.base)
        kept = self._spare[number]
        self._spare[number], self._results[result] = self._results[result], kept
        kept[len(joined) : whole] = 0
        return kept[:whole].reshape(shape)

    def _along(self, part: NDArray[Any], side: int, step: int, join: np.ufunc) -> NDArray[Any]:
        """Of ``side`` values a step apart: joins of 1, 2, 4, ... of them, as its bits say."""
        total, done, have = part[:0], 0, 1
        while True:
            if side & have:
                piece = part[done * step :]
                if done:
                    length = min(len(total), len(piece))
                    space = self._free(part, total)[:length]
                    piece = join(total[:length], piece[:length], out=space)
                total = piece
                done += have
            if done == side:
                return total
            length = len(part) - have * step
            space = self._free(part, total)[:length]
            part = join(part[:length], part[have * step :], out=space)
            have *= 2

    def _free(self, part: NDArray[Any], total: NDArray[Any]) -> NDArray[Any]:
        """A buffer that neither lies in."""
        one, other = part.base, total.base
        first, second, third = self._spare
        if first is not one and first is not other:
            return first
        return third if second is one or second is other else second

    def _grow(self, size: int) -> None:
        for buffers in (self._spare, self._results):
            for number, buffer in enumerate(buffers):
                if len(buffer) < size:
                    buffers[number] = np.empty(size, self._dtype)


def sliding_sums(values: NDArray[np.float32], sides: Window) -> NDArray[np.float32]:
    """`Slider.sums` of all slices."""
    return _everywhere(values, sides, ahead=False)


def tiles(
    values: NDArray[np.float32 | np.bool_], sides: Window, where: NDArray[np.bool_] | None = None
) -> NDArray[np.float32]:
    """Sums over windows that lie side by side, the last ones cut off at the borders.

    Args:
        values: ``[z, y, x]``.
        sides: of the windows.
        where: which values count; all, unless given.
    """
    sums = np.empty((-(-len(values) // sides[0]), *values.shape[1:]), np.float32)
    space = np.empty((min(sides[0], len(values)), *values.shape[1:]), np.float32)
    for number, total in enumerate(sums):
        layer = slice(number * sides[0], (number + 1) * sides[0])
        part = values[layer]
        if where is not None:
            part = np.multiply(part, where[layer], out=space[: len(part)])
        np.add.reduce(part, axis=0, dtype=np.float32, out=total)
    for axis in (1, 2):
        along, side = np.moveaxis(sums, axis, 0), sides[axis]
        total = along[::side].copy(order="K")
        for step in range(1, side):
            part = along[step::side]
            total[: len(part)] += part
        sums = np.moveaxis(total, 0, axis)
    return sums


def covered(centres: NDArray[Value], sides: Window) -> NDArray[Value]:
    """For every block, the largest value of the windows that cover it, told by their centres.

    Args:
        centres: ``[z, y, x]``, not below 0; a mask or numbers.
        sides: of the windows of `sliding_sums`.
    """
    # Windows that reach further back, if even, cover what lies further ahead.
    return _everywhere(centres, sides, ahead=True)


def _everywhere(values: NDArray[Value], sides: Window, *, ahead: bool) -> NDArray[Value]:
    depth, rows, columns = values.shape
    windowed = np.empty_like(values, order="C")
    slider = Slider(values.dtype.type)
    look = slider.largest if ahead else slider.sums

    def slab(start: int, stop: int) -> None:
        windowed[start:stop] = look(values, sides, start, stop)[:, :rows, :columns]

    for _ in slab_by_slab(slab, depth, SLAB):
        pass
    return windowed
