"""From flagged blocks to regions in the patient."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mitsgan.mark.find.detection import Index, Region, region
from mitsgan.mark.find.noise import Mask
from mitsgan.mark.find.search import Search
from mitsgan.mark.find.settings import Detector
from mitsgan.mark.windows import BLOCK
from mitsgan.scan.scan import Scan


def find_regions(
    searched: Search, scan: Scan, offset: tuple[int, int], settings: Detector
) -> tuple[tuple[Region, ...], Mask]:
    """Connected regions of flagged blocks, worst first, then largest, and the mask without crumbs.

    Args:
        searched: what the search gave.
        scan: for the geometry.
        offset: first row and column of the blocks searched, in voxels.
        settings: of the detector.
    """
    kept = np.zeros_like(searched.flagged)
    if not searched.flagged.any():
        return (), kept
    labels, count = label(searched.flagged)
    sizes = np.bincount(labels[searched.flagged], minlength=count + 1)
    share, most, least = settings.crumb
    crumb = max(share * min(sizes[1:].max(), most), least)
    regions = []
    for number in range(1, count + 1):
        if sizes[number] >= crumb:
            mask = labels == number
            kept |= mask
            regions.append(region_of(mask, float(searched.score[mask].max()), scan, offset))
    return tuple(sorted(regions, key=lambda one: (-one.score, -one.voxels))), kept


def region_of(mask: Mask, score: float, scan: Scan, offset: tuple[int, int]) -> Region:
    """The box around some blocks, in voxels of the scan."""
    where = np.nonzero(mask)
    low, high = [int(w.min()) for w in where], [int(w.max()) + 1 for w in where]
    start: Index = (low[0], low[1] * BLOCK + offset[0], low[2] * BLOCK + offset[1])
    stop: Index = (
        high[0],
        min(high[1] * BLOCK + offset[0], scan.shape[1]),
        min(high[2] * BLOCK + offset[1], scan.shape[2]),
    )
    voxels = int(np.count_nonzero(mask)) * BLOCK * BLOCK
    return region(scan.geometry, start, stop, score, voxels)


def label(mask: Mask) -> tuple[NDArray[np.int32], int]:
    """Number the regions of a mask that touch by their faces: labels from 1, and how many."""
    labels = np.zeros(mask.shape, np.int32)
    where = np.argwhere(mask)
    if not len(where):
        return labels, 0
    low, high = where.min(0), where.max(0) + 1
    inside = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    part = mask[inside]
    name = np.where(part, np.arange(1, part.size + 1).reshape(part.shape), 0)
    while True:  # the largest name of a region spreads over all of it
        before = name.copy()
        for axis in range(3):
            for step in (1, -1):
                _flow(name, part, axis, step)
        if np.array_equal(before, name):
            break
    names, flat = np.unique(name, return_inverse=True)
    numbers = flat.reshape(part.shape)
    if names[0] != 0:
        numbers = numbers + 1
    labels[inside] = numbers
    return labels, int(numbers.max())


def _flow(name: NDArray[np.int64], part: Mask, axis: int, step: int) -> None:
    """Carry names along one axis, all the way, in place."""
    names, parts = np.moveaxis(name, axis, 0), np.moveaxis(part, axis, 0)
    order = range(1, len(names)) if step > 0 else range(len(names) - 2, -1, -1)
    for k in order:
        np.maximum(names[k], names[k - step], out=names[k], where=parts[k])
