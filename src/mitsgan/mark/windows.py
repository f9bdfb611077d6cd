"""Units, blocks and windows of a scan, and how unlikely the worst window is by chance."""

from __future__ import annotations

from statistics import NormalDist

BLOCK = 4
"""Side of a block in the plane, in voxels: what is measured is kept per block."""

UNIT = 2
"""Side of a unit in the plane, in voxels; its upper left voxel has the sign of its bit."""

Window = tuple[int, int, int]

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


def threshold(false_alarms: float, windows: int) -> float:
    """The z-score that none of so many windows falls below by chance, but for a given rate.

    Every window counts as if it were independent of the others (Bonferroni), though they overlap:
    the true rate lies below the one asked for.
    """
    return -NormalDist().inv_cdf(false_alarms / max(windows, 1))
