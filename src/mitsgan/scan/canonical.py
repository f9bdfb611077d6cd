"""Canonical order: the one order of axes in which everything is computed.

Axial slices from the feet to the head, rows to the back, columns to the patient's left (LPS). The
direction of an axis belongs to the geometry, not to the array: the same voxels at the same places
in the patient give the same result whichever of the 48 orders a file stores them in.

How it is used:

- ``files.read_scan`` gives every scan in canonical order and remembers the file's own in
  `Scan.order`; ``files.write_scan`` restores it. What is read from a file needs nothing more.
- ``perturb.apply_perturbations`` brings any scan into canonical order, and its result back.
- Whoever computes on a scan that was made by hand (anatomy, mark, seal, evaluate) starts with
  ``scan = canonical(scan)``, which gives a scan that is in order already back as it is. Slices,
  rows and columns then mean axial slices, rows to the back and columns to the left.
- Places are told in LPS mm (`Geometry.to_world`). Where a voxel is named for somebody who looks at
  the file, `AxisOrder.in_file` gives its index there.
- An array on the scan's grid that becomes a file (a map) is ``replace(scan, stored=...)``, so that
  it keeps `Scan.order`.

Oblique grids are treated on their own axes, each named after the patient's axis that it is nearest
to. So are sheared ones, as a tilted gantry makes them: `Geometry.normal` and `Geometry.layer_mm`
are those of the slices, `Geometry.axes` those along which the grid grows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mitsgan.scan.geometry import Geometry
from mitsgan.scan.order import AxisOrder

if TYPE_CHECKING:
    from mitsgan.scan.scan import Scan

_LPS = np.eye(3)[::-1]
"""Where axes z, y and x of canonical order point: to the head, the back, the left."""

_TELLING_DEGREES = 1.0
"""Less than this is rounding of a header."""


def canonical(scan: Scan) -> Scan:
    """The scan in canonical order; the scan itself where it is so already.

    A scan whose slices are no axial planes and whose rescale or range differs from slice to slice
    stays in its own order: there is no way to store such values along another axis.
    """
    order = canonical_order(scan.geometry)
    if order.is_identity or not can_be_reordered(scan, order):
        return scan
    return reordered(scan, order)


def in_file_order(scan: Scan) -> Scan:
    """The scan in the order of the file that it was read from, for whoever writes it."""
    return scan if scan.order.is_identity else reordered(scan, scan.order.inverse())


def canonical_order(geometry: Geometry) -> AxisOrder:
    """How the axes of a grid have to be arranged to be in canonical order.

    That arrangement of the three whose directions are nearest to the patient's. Of several that
    are equally near (a grid turned by 45 degrees) the choice depends on the directions alone, so
    that it is the same for all orders of one grid.
    """
    axes = np.asarray(geometry.axes)
    choices = []
    for arranged in permutations(range(3)):
        along = (axes[list(arranged)] * _LPS).sum(1)
        turned = np.where(along < 0, -1.0, 1.0)[:, None] * axes[list(arranged)]
        choices.append((round(float(np.abs(along).sum()), 6), turned.round(6).tolist(), arranged))
    _, _, best = max(choices, key=lambda choice: choice[:2])
    z, y, x = best
    down, back, left = ((axes[list(best)] * _LPS).sum(1) < 0).tolist()
    return AxisOrder((z, y, x), (down, back, left))


def can_be_reordered(scan: Scan, order: AxisOrder) -> bool:
    """Whether what is told per slice still fits when the axes are rearranged."""
    if order.axes[0] == 0:
        return True
    per_slice = (scan.slope, scan.intercept, scan.lowest, scan.highest)
    return all(bool(np.all(value == np.ravel(value)[0])) for value in per_slice)


def reordered(scan: Scan, order: AxisOrder) -> Scan:
    """The scan with its axes rearranged, voxels and geometry alike."""
    depth = scan.shape[order.axes[0]]

    def per_slice(values: NDArray[np.float64]) -> NDArray[np.float64]:
        if order.axes[0] != 0:
            return np.full(depth, values[0])
        return values[::-1].copy() if order.flips[0] else values

    low, high = (
        limit if isinstance(limit, float | int) else per_slice(limit)
        for limit in (scan.lowest, scan.highest)
    )
    return replace(
        scan,
        stored=np.ascontiguousarray(order.arrange(scan.stored)),
        slope=per_slice(scan.slope),
        intercept=per_slice(scan.intercept),
        lowest=low,
        highest=high,
        geometry=reordered_geometry(scan.geometry, scan.shape, order),
        order=scan.order.then(order),
    )


def reordered_geometry(geometry: Geometry, shape: Sequence[int], order: AxisOrder) -> Geometry:
    """The geometry of a grid of that shape after its axes were rearranged."""
    axes = np.asarray(geometry.axes)[list(order.axes)]
    axes = axes * np.where(order.flips, -1.0, 1.0)[:, None] + 0.0  # so that no zero is negative
    corner = [0, 0, 0]
    for axis, flip in zip(order.axes, order.flips, strict=True):
        corner[axis] = (shape[axis] - 1) * flip
    return Geometry(
        spacing=_three([geometry.spacing[axis] for axis in order.axes]),
        origin=geometry.to_world(corner),
        axes=tuple(_three(axis) for axis in axes.tolist()),
    )


def grid_in_file(scan: Scan) -> tuple[tuple[int, int, int], Geometry]:
    """Shape and geometry of a scan in the order of the file that it was read from."""
    back = scan.order.inverse()
    z, y, x = (scan.shape[axis] for axis in back.axes)
    return (z, y, x), reordered_geometry(scan.geometry, scan.shape, back)


def geometry_notes(geometry: Geometry) -> tuple[str, ...]:
    """What a user should know about an unusual grid: that it is sheared, or oblique; in words."""
    notes = []
    if geometry.shear_degrees > _TELLING_DEGREES:
        notes.append(
            f"the slices are sheared by {geometry.shear_degrees:.1f} degrees (a tilted gantry): "
            "they are treated as they lie, lengths and places from their true positions"
        )
    normal = np.abs(geometry.normal)
    oblique = float(np.degrees(np.arccos(min(1.0, normal.max()))))
    rows = np.abs(np.asarray(geometry.axes[1:])).max(1)
    oblique = max(oblique, float(np.degrees(np.arccos(min(1.0, rows.min())))))
    if oblique > _TELLING_DEGREES and not notes:
        notes.append(
            f"the axes are oblique to the patient's by up to {oblique:.1f} degrees: "
            "the scan is treated on its own axes"
        )
    return tuple(notes)


def _three(values: Sequence[float]) -> tuple[float, float, float]:
    a, b, c = (float(value) for value in values)
    return a, b, c
