"""Windows that slide over the blocks of a scan, and how unlikely the worst of them is by chance."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from mitsgan.mark.strength import BLOCK

Window = tuple[int, int, int]

SIZES_MM: tuple[float, ...] = (10.0, 14.0, 20.0)
"""Sides of the cubes in which the mark is looked for."""


def window(side_mm: float, spacing: tuple[float, float, float]) -> Window:
    """The sides in blocks of a cube of ``side_mm``; voxel spacing in mm ``[z, y, x]``."""
    z, y, x = (max(1, round(side_mm / s)) for s in block_spacing(spacing))
    return z, y, x


def block_spacing(spacing: tuple[float, float, float]) -> tuple[float, float, float]:
    """Sides of a block, mm ``[z, y, x]``."""
    return spacing[0], BLOCK * spacing[1], BLOCK * spacing[2]


def sliding_sums(values: NDArray[np.float32], sides: Window) -> NDArray[np.float32]:
    """Sums over the window around each block, cut off at the borders; same shape.

    A window of even side reaches one block further towards the start.
    """
    for axis, side in enumerate(sides):
        values = _along(values, min(side, 2 * values.shape[axis]), axis)
    return values


def _along(values: NDArray[np.float32], side: int, axis: int) -> NDArray[np.float32]:
    if side == 1:
        return values
    pad = [(0, 0)] * values.ndim
    pad[axis] = (side // 2, side - 1 - side // 2)
    part = np.pad(values, pad)  # sums of 1, 2, 4, ... neighbours, as the binary digits of side say
    length, done, have = values.shape[axis], 0, 1
    total: NDArray[np.float32] | None = None
    while True:
        if side & have:
            piece = _slice(part, done, length, axis)
            total = piece.copy() if total is None else np.add(total, piece, out=total)
            done += have
        if done == side:
            return total if total is not None else values
        rest = part.shape[axis] - have
        part = _slice(part, 0, rest, axis) + _slice(part, have, rest, axis)
        have *= 2


def _slice(values: NDArray[np.float32], start: int, length: int, axis: int) -> NDArray[np.float32]:
    at = [slice(None)] * values.ndim
    at[axis] = slice(start, start + length)
    return values[tuple(at)]


def threshold(false_alarms: float, windows: int) -> float:
    """The z-score that none of so many windows falls below by chance, but for a given rate.

    Every window counts as if it were independent of the others (Bonferroni), though they overlap:
    the true rate lies below the one asked for.
    """
    return -NormalDist().inv_cdf(false_alarms / max(windows, 1))
