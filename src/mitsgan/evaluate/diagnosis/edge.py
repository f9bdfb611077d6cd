"""How sharp the edge between lung and chest wall is: its 10-90 % width."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mitsgan.evaluate.metrics.regions import RegionOfInterest
from mitsgan.scan.scan import Scan

Array = NDArray[np.float64]

FEWEST = 20
"""Fewer edges say nothing about a scan."""

_LEVEL_HU = -450.0
_EVERY_MM = 5.0
_ROWS_MM = 3.0
_MOST = 600
_REACH_MM = 8.0
_STEP_MM = 0.1
_LUNG_MM, _WALL_MM = (-6.0, -3.0), (3.0, 6.0)
_LUNG_HU, _WALL_HU = (-1000.0, -700.0), (-150.0, 150.0)
_SEARCH_MM = 6.0
_STEEPEST = 0.25


@dataclass(frozen=True)
class Edge:
    """A place where a row of pixels runs out of the lung into the chest wall.

    Attributes:
        z, y: the row.
        x: where it crosses -450 HU in the scan it was found in, pixels.
        outward: 1 where x grows out of the lung, -1 where it falls.
    """

    z: int
    y: int
    x: float
    outward: int


def find_edges(scan: Scan, lung: RegionOfInterest) -> list[Edge]:
    """Outer borders of the lung that stand upright in the slice, up to 600, evenly taken.

    Rows are taken every 5 mm along z and 3 mm along y. What counts: lung of -1000 to -700 HU on
    one side, soft tissue of -150 to 150 HU on the other, so no ribs, and a border that leans by
    less than one in four, so that a row crosses it straight.
    """
    edges: list[Edge] = []
    dz, dy, dx = scan.spacing
    rows = max(1, round(_ROWS_MM / dy))
    for z in range(0, scan.shape[0], max(1, round(_EVERY_MM / dz))):
        mask = lung.mask(scan, z, z + 1)[0]
        if not mask.any():
            continue
        hu = scan.hu(z, z + 1)[0].astype(np.float64)
        for y in range(rows, scan.shape[1] - rows, rows):
            inside = np.flatnonzero(mask[y])
            if not inside.size:
                continue
            for start, outward in ((int(inside[0]), -1), (int(inside[-1]), 1)):
                crossings = [
                    _crossing(hu[row], start, outward, dx) for row in (y - rows, y, y + rows)
                ]
                above, here, below = crossings
                if above is None or here is None or below is None:
                    continue
                leaning = abs(below - above) * dx / (2 * rows * dy)
                edge = Edge(z, y, here, outward)
                if leaning < _STEEPEST and _is_plain(_profile(hu[y], edge, dx)):
                    edges.append(edge)
    every = max(1, -(-len(edges) // _MOST))
    return edges[::every]


def edge_width(scan: Scan, edges: list[Edge]) -> float | None:
    """10-90 % width of the mean edge, mm; None where the scan has too few of these edges.

    Every profile is laid onto its own crossing of -450 HU and interpolated every 0.1 mm; the
    mean profile rises from the mean at 6 to 3 mm inside to the mean at 3 to 6 mm outside.
    """
    dx = scan.spacing[2]
    profiles = []
    for edge in edges:
        row = scan.hu(edge.z, edge.z + 1, (slice(edge.y, edge.y + 1), slice(None)))[0, 0]
        here = _crossing(row.astype(np.float64), round(edge.x), edge.outward, dx)
        if here is not None:
            moved = Edge(edge.z, edge.y, here, edge.outward)
            profiles.append(_profile(row.astype(np.float64), moved, dx))
    if len(profiles) < FEWEST:
        return None
    mean = np.mean(profiles, axis=0)
    low, high = (_between(mean, ends) for ends in (_LUNG_MM, _WALL_MM))
    risen = (mean - low) / (high - low)
    middle = len(risen) // 2
    first = middle - int(np.argmax(risen[middle::-1] < 0.1))
    last = middle + int(np.argmax(risen[middle:] > 0.9))
    at_ten = first + (0.1 - risen[first]) / (risen[first + 1] - risen[first])
    at_ninety = last - (risen[last] - 0.9) / (risen[last] - risen[last - 1])
    return float((at_ninety - at_ten) * _STEP_MM)


def _crossing(row: Array, start: int, outward: int, dx: float) -> float | None:
    """The first rise over -450 HU on the way out, from a little inside of ``start``; pixels."""
    reach = max(1, round(_SEARCH_MM / dx))
    first, last = start - outward * reach, start + outward * reach
    if min(first, last) < 0 or max(first, last) >= len(row):
        return None
    way = row[first : last + outward : outward] if last + outward >= 0 else row[first::outward]
    above = way >= _LEVEL_HU
    if above[0] or not above.any():
        return None
    at = int(above.argmax())
    part = (_LEVEL_HU - way[at - 1]) / (way[at] - way[at - 1])
    return float(first + outward * (at - 1 + part))


def _profile(row: Array, edge: Edge, dx: float) -> Array:
    """HU every 0.1 mm from 8 mm inside to 8 mm outside."""
    count = round(_REACH_MM / _STEP_MM)
    away = np.arange(-count, count + 1) * _STEP_MM
    profile: Array = np.interp(
        edge.x + edge.outward * away / dx, np.arange(len(row), dtype=np.float64), row
    )
    return profile


def _between(profile: Array, ends: tuple[float, float]) -> float:
    first, last = (round((_REACH_MM + end) / _STEP_MM) for end in ends)
    return float(profile[first : last + 1].mean())


def _is_plain(profile: Array) -> bool:
    lung, wall = (_between(profile, ends) for ends in (_LUNG_MM, _WALL_MM))
    return _LUNG_HU[0] <= lung <= _LUNG_HU[1] and _WALL_HU[0] <= wall <= _WALL_HU[1]
