"""Branching vessels and airways of the phantom: a tree that reaches every point it is given.

A bundle of points is split in two along its longest direction again and again; each bundle is
fed by one tube that heads for its middle. A tube's cross-section grows with the number of points
it feeds (Murray, PNAS 12:207, 1926), which gives the taper that lungs show.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mitsgan.phantom.shapes import Point

Points = NDArray[np.float64]


@dataclass(frozen=True)
class Segment:
    """A tapering tube between two points, in LPS mm."""

    start: Point
    stop: Point
    radius: float
    end_radius: float


def grow(
    root: Point,
    targets: Points,
    rng: np.random.Generator,
    *,
    tip_radius: float,
    exponent: float = 2.7,
) -> Iterator[Segment]:
    """Segments of a tree from ``root`` to every one of ``targets`` ``[n, 3]``, LPS mm.

    A tube that feeds n targets has the radius ``tip_radius * n ** (1 / exponent)``.
    """
    bundles: list[tuple[Points, Points, float]] = [
        (np.asarray(root), targets, tip_radius * len(targets) ** (1 / exponent))
    ]
    while bundles:
        start, ends, feeding = bundles.pop()
        radius = min(tip_radius * len(ends) ** (1 / exponent), feeding)
        if len(ends) == 1:
            yield _segment(start, ends[0], radius, 0.6 * radius)
            continue
        middle = ends.mean(axis=0)
        way = middle - start
        fork = start + rng.uniform(0.3, 0.5) * way
        # A little sideways, so that nothing runs dead straight.
        fork = fork + rng.normal(0.0, 0.06, 3) * np.linalg.norm(way)
        yield _segment(start, fork, radius, 0.9 * radius)
        spread = ends - middle
        longest = np.linalg.svd(spread, full_matrices=False)[2][0]
        order = np.argsort(spread @ longest)
        cut = int(np.clip(round(len(ends) * rng.uniform(0.35, 0.65)), 1, len(ends) - 1))
        bundles += [(fork, ends[order[:cut]], radius), (fork, ends[order[cut:]], radius)]


def _segment(start: Points, stop: Points, radius: float, end_radius: float) -> Segment:
    x0, y0, z0 = start.tolist()
    x1, y1, z1 = stop.tolist()
    return Segment((x0, y0, z0), (x1, y1, z1), float(radius), float(end_radius))
