"""Blocks of HU written into a scan, as the scan can store them; padding stays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mitsgan.attack.cube import overlap
from mitsgan.evaluate.purify.filters import Array
from mitsgan.scan.scan import Scan

Box = tuple[slice, slice, slice]
"""Part of a scan, voxels ``[z, y, x]``, its ends given."""


def paste(scan: Scan, block: Array, start: Sequence[int]) -> Scan:
    """A scan with a block of HU written into it, as the stored values nearest to it.

    Args:
        scan: not modified.
        block: ``[z, y, x]`` in HU. Parts of it outside the scan are dropped; padding stays.
        start: first voxel of the block ``[z, y, x]``, may lie outside.
    """
    (z, y, x), part = overlap(start, block.shape, scan.shape)
    stored = scan.stored.copy()
    if stored[z, y, x].size == 0:
        return replace(scan.with_stored(stored), source=None)
    old: NDArray[Any] = scan.stored[z, y, x]
    new = scan.nearest_stored(block[part], z.start, z.stop)
    padding = scan.is_padding(z.start, z.stop)[:, y, x]
    stored[z, y, x] = np.where(padding, old, new)
    return replace(scan.with_stored(stored), source=None)


def pasted_box(scan: Scan, box: Box, hu: Array, block: Array, start: Sequence[int]) -> Array:
    """A box of a scan with a block written into it, as `paste` would.

    Args:
        scan: that the box is a part of.
        box: where in the scan.
        hu: what is there, ``[z, y, x]`` in HU; not modified.
        block: ``[z, y, x]`` in HU. Parts of it outside the box are dropped; padding stays.
        start: first voxel of the block in the scan, ``[z, y, x]``.
    """
    values = hu.copy()
    first = [at - part.start for at, part in zip(start, box, strict=True)]
    inside, part = overlap(first, block.shape, hu.shape)
    z, y, x = (
        slice(way.start + by.start, way.stop + by.start)
        for way, by in zip(inside, box, strict=True)
    )
    padding = scan.is_padding(z.start, z.stop, (y, x))
    values[inside] = np.where(padding, hu[inside], as_stored(scan, block[part], z))
    return values


def as_stored(scan: Scan, hu: Array, slices: slice) -> Array:
    """HU ``[z, y, x]`` in some slices of a scan as the scan can hold it, rounded and in range."""
    first, last = slices.start, slices.stop
    return scan.with_slices(scan.nearest_stored(hu, first, last), first, last).hu()
