"""Which part of a scan the networks of MITS-GAN work on, and which they perturb."""

from __future__ import annotations

from mitsgan.anatomy.around import Around
from mitsgan.anatomy.body import body_box, grown
from mitsgan.anatomy.lung import find_lung, lung_box
from mitsgan.errors import ScanError
from mitsgan.protect.patches import TILE
from mitsgan.scan.once import once_per_scan
from mitsgan.scan.scan import Scan

Extent = tuple[slice, slice, slice]
"""Slices, rows and columns."""

REACH_MM = 24.0
"""How far from the lungs voxels are perturbed."""

_MARGIN = 4
"""Voxels around the body's box, which is right to so many."""


@once_per_scan
def where_it_acts(scan: Scan) -> Extent:
    """The block that the network works on: it holds the lungs, and what an attack on them sees.

    The whole body where there is no lung. Found once for a scan.
    """
    height, width = scan.shape[1:]
    rows, columns = body_box(scan)
    y, x = grown(rows, _MARGIN, TILE, height), grown(columns, _MARGIN, TILE, width)
    lung = lung_box(scan, REACH_MM)
    if lung is None:
        return slice(0, scan.shape[0]), y, x
    return lung[0], _shared(y, lung[1]), _shared(x, lung[2])


@once_per_scan
def near_lung(scan: Scan) -> Around | None:
    """What is perturbed of that block: what lies at most 24 mm from a lung; all if None.

    Attackers see 16 mm around a place in the lung to every side: the corners of that cube lie less
    than 24 mm from the lung where the place is 5 mm deep in it.
    """
    try:
        return Around.of(find_lung(scan), REACH_MM, scan.spacing)
    except ScanError:
        return None


def _shared(body: slice, lung: slice) -> slice:
    """What both hold, in whole tiles of the body's."""
    low = body.start + max(lung.start - body.start, 0) // TILE * TILE
    high = body.start - (body.start - lung.stop) // TILE * TILE
    return slice(low, min(max(high, low + TILE), body.stop))
