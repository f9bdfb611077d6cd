"""Which part of a sealed scan is not there, in words."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mitsgan.seal.sketch.cells import CellGrid

_GONE = 0.01
_SIDES = (("feet", "head"), ("front", "back"), ("patient's right", "patient's left"))


def missing_parts(
    grid: CellGrid, coverage: NDArray[np.float32], body: NDArray[np.bool_]
) -> tuple[str, ...]:
    """What is missing: ends, sides, and gaps along z; a sentence each, none where all is there."""
    if not (coverage < 1 - _GONE).any():
        return ()
    if not (coverage > _GONE).any():
        return ("nothing of what was sealed is there",)
    found: list[str] = []
    for axis, names in enumerate(_SIDES):
        present = coverage.max(tuple(other for other in range(3) if other != axis))
        voxels = present * grid.voxels_along(axis)
        spacing = grid.geometry.spacing[axis]
        places = np.flatnonzero(present > _GONE)
        first, last = int(places[0]), int(places[-1])
        for side, name in zip((slice(first + 1), slice(last, None)), names, strict=True):
            lost = float((grid.voxels_along(axis) - voxels)[side].sum())
            if lost > 0.5:
                found.append(f"{lost * spacing:.0f} mm on the side of the {name} are missing")
        if axis == 0:
            inner = (present < 1 - _GONE) & (np.arange(len(present)) > first)
            inner &= np.arange(len(present)) < last
            lost = float((grid.voxels_along(0) - voxels)[inner].sum())
            if lost > 0.5:
                found.append(f"{lost * spacing:.0f} mm in between are missing: slices are left out")
    share = float(np.mean(coverage[body] < 1 - _GONE)) if body.any() else 0.0
    found.append(f"{100 * share:.0f} % of the patient cannot be compared")
    return tuple(found)
