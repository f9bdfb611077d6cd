"""Signed distances and how they are painted: a volume from formulas, at any spacing.

A shape is a function of LPS coordinates in mm that returns its signed distance in mm, negative
inside. Coordinates are three arrays that broadcast to ``[z, y, x]``, so that one formula serves
a whole volume, a small box of it, or a list of points.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]
Point = tuple[float, float, float]
Shape = Callable[[Array, Array, Array], Array]
"""``(x, y, z)`` in LPS mm to the signed distance in mm."""


def ellipse(u: Array, v: Array, a: Array | float, b: Array | float, power: float = 2.0) -> Array:
    """Distance to ``|u/a|^power + |v/b|^power = 1`` in the plane, exact to first order."""
    su, sv = np.abs(u) / a, np.abs(v) / b
    rho = np.maximum((su**power + sv**power) ** (1 / power), 1e-3)
    slope = rho ** (1 - power) * np.hypot(su ** (power - 1) / a, sv ** (power - 1) / b)
    distance: Array = (rho - 1) / np.maximum(slope, 1 / (4 * np.maximum(a, b)))
    return distance


def ellipsoid(centre: Point, axes: Point, turn: float = 0.0) -> Shape:
    """An ellipsoid with half-axes ``axes`` along x, y, z, turned by ``turn`` rad about z."""
    cos, sin = np.float32(np.cos(turn)), np.float32(np.sin(turn))
    a, b, c = (np.float32(axis) for axis in axes)

    def distance(x: Array, y: Array, z: Array) -> Array:
        dx, dy, w = x - np.float32(centre[0]), y - np.float32(centre[1]), z - np.float32(centre[2])
        u, v = cos * dx + sin * dy, cos * dy - sin * dx
        near = np.sqrt((u / a) ** 2 + (v / b) ** 2 + (w / c) ** 2)
        slope = np.sqrt((u / a**2) ** 2 + (v / b**2) ** 2 + (w / c**2) ** 2)
        result: Array = near * (near - 1) / np.maximum(slope, np.float32(1e-4))
        return result

    return distance


def tube(start: Point, stop: Point, radius: float, end_radius: float | None = None) -> Shape:
    """A cylinder with round ends whose radius runs evenly from ``radius`` to ``end_radius``."""
    axis = np.asarray(stop, np.float32) - np.asarray(start, np.float32)
    square = max(float(axis @ axis), 1e-6)
    widen = np.float32((radius if end_radius is None else end_radius) - radius)

    def distance(x: Array, y: Array, z: Array) -> Array:
        dx, dy, dz = (p - np.float32(q) for p, q in zip((x, y, z), start, strict=True))
        along = np.clip((dx * axis[0] + dy * axis[1] + dz * axis[2]) / np.float32(square), 0, 1)
        off = (
            (dx - along * axis[0]) ** 2 + (dy - along * axis[1]) ** 2 + (dz - along * axis[2]) ** 2
        )
        result: Array = np.sqrt(off) - np.float32(radius) - widen * along
        return result

    return distance


def union(first: Array, second: Array, round_mm: float) -> Array:
    """The smaller of two distances, with the corner between them rounded over ``round_mm``."""
    near = np.maximum(np.float32(round_mm) - np.abs(first - second), 0)
    result: Array = np.minimum(first, second) - near * near / np.float32(4 * round_mm)
    return result


def intersection(first: Array, second: Array, round_mm: float) -> Array:
    """The larger of two distances, rounded likewise."""
    return -union(-first, -second, round_mm)


@dataclass(frozen=True)
class Canvas:
    """A volume in HU, float32 ``[z, y, x]``, and the coordinates of its voxel centres in mm.

    ``x``, ``y``, ``z`` are one-dimensional and ascend; ``blur`` is the width in mm over which an
    edge passes from one tissue to the other, about a voxel: the partial volume effect.
    """

    hu: Array
    x: Array
    y: Array
    z: Array
    blur: float

    def box(self, low: Point, high: Point) -> tuple[slice, slice, slice]:
        """The voxels ``[z, y, x]`` between two corners in LPS mm; may be empty."""
        pairs = zip((self.z, self.y, self.x), low[::-1], high[::-1], strict=True)
        z, y, x = (slice(*np.searchsorted(axis, [lo, hi]).tolist()) for axis, lo, hi in pairs)
        return z, y, x

    def cover(self, distance: Array) -> Array:
        """How much of each voxel lies inside, 0 to 1."""
        share: Array = np.clip(np.float32(0.5) - distance / np.float32(self.blur), 0, 1)
        return share

    def fill(self, distance: Array, hu: float | Array) -> None:
        """Paint a shape given by its distance at every voxel."""
        self.hu[...] += self.cover(distance) * (np.float32(hu) - self.hu)

    def paint(
        self, shape: Shape, hu: float, low: Point, high: Point, strength: float = 1.0
    ) -> None:
        """Paint a shape that lies between two corners in LPS mm, ``strength`` of it."""
        margin = self.blur
        z, y, x = self.box(
            (low[0] - margin, low[1] - margin, low[2] - margin),
            (high[0] + margin, high[1] + margin, high[2] + margin),
        )
        part = self.hu[z, y, x]
        if part.size == 0:
            return
        distance = shape(self.x[x], self.y[y][:, None], self.z[z][:, None, None])
        part += self.cover(distance) * np.float32(strength) * (np.float32(hu) - part)

    def paint_tube(
        self, start: Point, stop: Point, radius: float, end_radius: float, hu: float
    ) -> None:
        """Paint a tapering tube; one thinner than a voxel fades instead of vanishing."""
        most = max(radius, end_radius)
        low = (min(start[0], stop[0]), min(start[1], stop[1]), min(start[2], stop[2]))
        high = (max(start[0], stop[0]), max(start[1], stop[1]), max(start[2], stop[2]))
        self.paint(
            tube(start, stop, radius, end_radius),
            hu,
            (low[0] - most, low[1] - most, low[2] - most),
            (high[0] + most, high[1] + most, high[2] + most),
            min(1.0, 2 * (radius + end_radius) / 2 / self.blur),
        )

    def paint_ellipsoid(self, centre: Point, axes: Point, hu: float, turn: float = 0.0) -> None:
        """Paint an ellipsoid; see `ellipsoid`."""
        reach = max(axes[:2]) if turn else 0.0
        a, b, c = max(axes[0], reach), max(axes[1], reach), axes[2]
        self.paint(
            ellipsoid(centre, axes, turn),
            hu,
            (centre[0] - a, centre[1] - b, centre[2] - c),
            (centre[0] + a, centre[1] + b, centre[2] + c),
        )
