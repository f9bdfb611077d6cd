"""Where in a scan something is measured: everything, the body, the lung, or what an attack hits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mitsgan.anatomy.body import find_body
from mitsgan.anatomy.lung import Lung
from mitsgan.anatomy.places import block_start, cube_size
from mitsgan.scan.scan import Scan

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class RegionOfInterest:
    """A part of a scan, as a mask that is only made whole slab by slab.

    Attributes:
        name: for tables.
        coarse: ``[z, y, x]`` on every ``stride``-th voxel; None means every voxel.
        stride: voxels per coarse voxel ``[z, y, x]``.
    """

    name: str
    coarse: Mask | None = None
    stride: tuple[int, int, int] = (1, 1, 1)

    def mask(self, scan: Scan, start: int, stop: int) -> Mask:
        """Which voxels of slices ``start:stop`` belong to it; padding never does."""
        inside = ~scan.is_padding(start, stop)
        if self.coarse is None:
            return inside
        z, y, x = (
            np.minimum((np.arange(first, last) + step // 2) // step, size - 1)
            for first, last, step, size in zip(
                (start, 0, 0),
                (stop, *scan.shape[1:]),
                self.stride,
                self.coarse.shape,
                strict=True,
            )
        )
        inside &= self.coarse[np.ix_(z, y, x)]
        return inside


WHOLE = RegionOfInterest("whole scan")


def lung_region(lung: Lung) -> RegionOfInterest:
    """The lungs, with vessels and nodules in them."""
    return RegionOfInterest("lung", lung.mask, lung.stride)


def body_region(scan: Scan) -> RegionOfInterest:
    """The body with its lungs, without table and air around it.

    Raises:
        ScanError: see `mitsgan.anatomy.body.find_body`.
    """
    body = find_body(scan)
    return RegionOfInterest("body", body.mask, body.stride)


def attacked_square(scan: Scan, position: Sequence[int]) -> tuple[slice, slice]:
    """Rows and columns that the repainted 32 mm cube takes of the slice through its middle."""
    cube = cube_size(scan.spacing)
    start = block_start(position, cube)
    y, x = (
        slice(max(first, 0), min(first + size, end))
        for first, size, end in zip(start[1:], cube[1:], scan.shape[1:], strict=True)
    )
    return y, x
