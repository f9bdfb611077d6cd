"""Windows that slide over the blocks of a scan, and how unlikely the worst of them is by chance."""

from __future__ import annotations

from statistics import NormalDist
from typing import TypeVar, cast

import numpy as np
from numpy.typing import NDArray

BLOCK = 4
"""Side of a block in the plane, in voxels: what is measured is kept per block."""

Window = tuple[int, int, int]
Value = TypeVar("Value", np.float32, np.bool_)

SIZES_MM: tuple[float, ...] = (10.0, 14.0, 20.0, 28.0)
"""Sides of the cubes in which the mark is looked for."""

DENSE_SIZES = 3
"""How many of them, from the smallest, are also looked through for dense tissue alone."""


def window(side_mm: float, spacing: tuple[float, float, float]) -> Window:
    """The sides in blocks of a cube of ``side_mm``; voxel spacing in mm ``[z, y, x]``."""
    z, y, x = (max(1, round(side_mm / s)) for s in block_spacing(spacing))
    return z, y, x


def block_spacing(spacing: tuple[float, float, float]) -> tuple[float, float, float]:
    """Sides of a block, mm ``[z, y, x]``."""
    return spacing[0], BLOCK * spacing[1], BLOCK * spacing[2]


def sliding_sums(
    values: NDArray[np.float32], sides: Window, start: int = 0, stop: int | None = None
) -> NDArray[np.float32]:
    """Sums over the window around each block of slices ``start:stop``, cut off at the borders.

    A window of even side reaches one block further towards the start.
    """
    return _sliding(values, sides, np.add, start, stop, ahead=False)


def covered(centres: NDArray[Value], sides: Window) -> NDArray[Value]:
    """For every block, the largest value of the windows that cover it, told by their centres.

    Args:
        centres: ``[z, y, x]``, not below 0; a mask or numbers.
        sides: of the windows of `sliding_sums`.
    """
    # Windows that reach further back, if even, cover what lies further ahead.
    return _sliding(centres, sides, np.maximum, 0, None, ahead=True)


def _sliding(
    values: NDArray[Value],
    sides: Window,
    join: np.ufunc,
    start: int,
    stop: int | None,
    *,
    ahead: bool,
) -> NDArray[Value]:
    depth = len(values)
    stop = depth if stop is None else stop
    sides = cast("Window", tuple(min(a, 2 * n) for a, n in zip(sides, values.shape, strict=True)))
    reach = [(side // 2, side - 1 - side // 2)[:: -1 if ahead else 1] for side in sides]
    first, end = start - reach[0][0], stop + reach[0][1]
    part = values[max(first, 0) : min(end, depth)]
    if first < 0 or end > depth:
        part = np.pad(part, ((max(-first, 0), max(end - depth, 0)), (0, 0), (0, 0)))
    part = _along(part, sides[0], stop - start, 0, join)
    rows, columns = part.shape[1:]
    wide = np.zeros((stop - start, rows + sides[1] - 1, columns + sides[2] - 1), values.dtype)
    wide[:, reach[1][0] :, reach[2][0] :][:, :rows, :columns] = part
    return _along(_along(wide, sides[1], rows, 1, join), sides[2], columns, 2, join)


def _along(
    part: NDArray[Value], side: int, length: int, axis: int, join: np.ufunc
) -> NDArray[Value]:
    """Of ``side`` neighbours at a time: joins of 1, 2, 4, ... of them, as its binary digits say."""
    done, have, pieces = 0, 1, 0
    total = part
    while True:
        if side & have:
            piece = _slice(part, done, length, axis)
            # The first piece is a view: what it is joined with goes to an array of its own.
            own = total if pieces > 1 else None
            total = join(total, piece, out=own) if pieces else piece
            pieces += 1
            done += have
        if done == side:
            return total
        rest = part.shape[axis] - have
        part = join(_slice(part, 0, rest, axis), _slice(part, have, rest, axis))
        have *= 2


def _slice(values: NDArray[Value], start: int, length: int, axis: int) -> NDArray[Value]:
    at = [slice(None)] * values.ndim
    at[axis] = slice(start, start + length)
    return values[tuple(at)]


def threshold(false_alarms: float, windows: int) -> float:
    """The z-score that none of so many windows falls below by chance, but for a given rate.

    Every window counts as if it were independent of the others (Bonferroni), though they overlap:
    the true rate lies below the one asked for.
    """
    return -NormalDist().inv_cdf(false_alarms / max(windows, 1))
