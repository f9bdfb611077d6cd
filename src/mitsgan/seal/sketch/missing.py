"""Which part of a sealed scan is not there, cell by cell and in words; what lies outside of it."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from mitsgan.scan.scan import Scan
from mitsgan.seal.sketch.cells import DENSER_HU, LOWEST_HU, CellGrid
from mitsgan.seal.sketch.observe import Grid, Observation
from mitsgan.seal.sketch.sketch import Sketch

Mask = NDArray[np.bool_]

_GONE = 0.01
_NOTHING_HU, _SOMETHING_HU = LOWEST_HU + 2, LOWEST_HU + 40
_MIXED_CELLS, _MIXED_HU = 16, 30.0
_UNEVEN = 0.1
"""By how much more of a cell may be filled than of the one before it: for noise."""

_TISSUE_HU = -500.0
_LOOKED_AT = 256
"""Rows and columns, about, that are looked at outside of the sealed scan."""

SIDES = (("feet", "head"), ("front", "back"), ("patient's right", "patient's left"))
"""Where each axis of a scan in canonical order begins and ends."""


def without_filling(seen: Observation, sketch: Sketch) -> Observation:
    """What is seen, without what a program filled in where it had nothing to show.

    Whoever turns a scan and turns it back loses its corners, and writes the lowest value there.
    Such cells hang together with an edge of the scan; those beside them are filled in part, and
    not judged either. On another grid that holds for the outermost cells, always.
    """
    dark = (seen.means < _NOTHING_HU) & (seen.coverage > _GONE)
    empty = dark & (sketch.means > _SOMETHING_HU)
    if not empty.any() and seen.grid != Grid.OTHER:
        return seen
    edge = ndimage.binary_dilation(seen.coverage < 1 - _GONE, np.ones((3, 3, 3)), border_value=True)
    # What is filled in may lie on air that is as dark, and end within that.
    pieces, _ = ndimage.label(dark)
    filled = dark & np.isin(pieces, np.intersect1d(pieces[edge & dark], pieces[empty]))
    filled &= _seen_from_an_edge(dark | (seen.coverage < _GONE))
    if not filled.any() and seen.grid != Grid.OTHER:
        return seen
    mixed = _mixed(filled, seen, sketch)
    beside = (ndimage.binary_dilation(filled, np.ones((3, 3, 3))) | mixed | edge) & ~filled
    coverage = np.where(filled, 0, np.where(beside, seen.coverage / 2, seen.coverage))
    return replace(seen, coverage=coverage.astype(np.float32))


def _seen_from_an_edge(dark: Mask) -> Mask:
    """The cells from which nothing but such cells lies in one direction at least.

    What is shown of a scan that was turned is convex, so all that was filled in lies so; what was
    blackened amid the patient does not.
    """
    seen = np.zeros(dark.shape, np.bool_)
    for axis in range(3):
        for way in (slice(None), slice(None, None, -1)):
            lines = np.moveaxis(dark, axis, 0)[way]
            np.moveaxis(seen, axis, 0)[way] |= np.logical_and.accumulate(lines)
    return seen


def _mixed(filled: Mask, seen: Observation, sketch: Sketch) -> Mask:
    """The cells that are filled in part: where the end of what was filled is slanted, many of a
    layer are.

    The further from it along a row or a column, the less of a cell is. So no cell counts of which
    more would be than of one on the way: else whoever blackens the air around a patient could
    erase what lies within reach of it.
    """
    room = sketch.means - np.float32(LOWEST_HU)
    lost = (sketch.means - seen.means) / np.maximum(room, 1)
    # Of air it cannot be told.
    lost = np.where(room > _SOMETHING_HU - LOWEST_HU, lost, np.float32(1))
    darker = seen.means < sketch.means - _MIXED_HU
    mixed = np.zeros(filled.shape, np.bool_)
    for axis in (1, 2):
        for way in (slice(None), slice(None, None, -1)):
            share, start = (np.moveaxis(cells, axis, 0)[way] for cells in (lost, filled))
            most = start.astype(np.float32)
            for _ in range(_MIXED_CELLS):
                most[1:] = np.maximum(
                    most[1:],
                    np.where(share[1:] < most[:-1] + _UNEVEN, np.minimum(share[1:], most[:-1]), 0),
                )
            np.moveaxis(mixed, axis, 0)[way] |= most > 0
    return mixed & darker


def missing_parts(
    grid: CellGrid, coverage: NDArray[np.float32], body: NDArray[np.bool_]
) -> tuple[str, ...]:
    """What is missing: ends, sides, and gaps along z; a sentence each, none where all is there."""
    if not (coverage < 1 - _GONE).any():
        return ()
    if not (coverage > _GONE).any():
        return ("nothing of what was sealed is there",)
    reasons: list[str] = []
    for axis, names in enumerate(SIDES):
        present = coverage.max(tuple(other for other in range(3) if other != axis))
        voxels = present * grid.voxels_along(axis)
        spacing = grid.geometry.spacing[axis]
        places = np.flatnonzero(present > _GONE)
        first, last = int(places[0]), int(places[-1])
        for side, name in zip((slice(first + 1), slice(last, None)), names, strict=True):
            lost = float((grid.voxels_along(axis) - voxels)[side].sum())
            if lost > 0.5:
                reasons.append(f"{lost * spacing:.0f} mm on the side of the {name} are missing")
        if axis == 0:
            inner = (present < 1 - _GONE) & (np.arange(len(present)) > first)
            inner &= np.arange(len(present)) < last
            lost = float((grid.voxels_along(0) - voxels)[inner].sum())
            if lost > 0.5:
                reasons.append(
                    f"{lost * spacing:.0f} mm in between are missing: slices are left out"
                )
    share = float(np.mean(coverage[body] < 1 - _GONE)) if body.any() else 0.0
    if share or reasons:
        told = "less than 1" if 0 < share < 0.005 else f"{100 * share:.0f}"
        reasons.append(f"{told} % of the patient cannot be compared")
    return tuple(reasons)


def hidden_ml(scan: Scan) -> float:
    """Volume of what is denser than air, and not the darkest of a scan, that it says is no data.

    A viewer leaves such voxels blank, whatever is in them. The darkest ones, such as those that a
    window cut off, look the same either way.
    """
    if scan.padding is None:
        return 0.0
    low, high = scan.padding
    if (high * scan.slope + scan.intercept).max() <= DENSER_HU:
        return 0.0
    darkest, count = float(scan.stored.min()), 0
    for z in range(scan.shape[0]):
        stored = scan.stored[z]
        dense = stored * np.float32(scan.slope[z]) + np.float32(scan.intercept[z]) > DENSER_HU
        blank = (stored >= low) & (stored <= high) & (stored > darkest)
        count += int(np.count_nonzero(dense & blank))
    return count * float(np.prod(scan.spacing)) / 1000


def tissue_beyond_ml(scan: Scan, grid: CellGrid) -> float:
    """Volume above -500 HU that lies more than a cell outside of the sealed scan, about.

    A scan that was turned or resampled may be larger than what was sealed, but has nothing to show
    there.
    """
    to_sealed = np.linalg.inv(grid.geometry.matrix)
    steps = scan.geometry.matrix @ to_sealed
    first = (np.asarray(scan.geometry.origin) - grid.geometry.origin) @ to_sealed
    low = -np.asarray(grid.cell)
    high = np.asarray(grid.shape) - 1 - low
    corners = first + np.array(list(product(*((0, n - 1) for n in scan.shape)))) @ steps
    if ((low <= corners) & (corners <= high)).all():
        return 0.0
    every = [max(1, n // _LOOKED_AT) for n in scan.shape[1:]]
    rows, columns = (np.arange(0, n, by) for n, by in zip(scan.shape[1:], every, strict=True))
    plane = first + rows[:, None, None] * steps[1] + columns[:, None] * steps[2]
    count = 0
    for z in range(scan.shape[0]):
        place = plane + z * steps[0]
        outside = ((place < low) | (place > high)).any(-1)
        if outside.any():
            tissue = scan.hu(z, z + 1)[0, :: every[0], :: every[1]] > _TISSUE_HU
            count += int(np.count_nonzero(tissue & outside))
    return count * float(np.prod(every)) * float(np.prod(scan.spacing)) / 1000
