"""Tubes painted at once: to the bit what one after the other gives."""

from __future__ import annotations

import numpy as np
import pytest

from mitsgan.phantom import tubes
from mitsgan.phantom.shapes import Canvas
from mitsgan.phantom.tree import Segment


def empty_canvas() -> Canvas:
    z, y, x = (
        (step * (np.arange(n) - n / 2)).astype(np.float32)
        for n, step in ((12, 3.0), (20, 1.5), (24, 1.5))
    )
    return Canvas(np.full((12, 20, 24), -850, np.float32), x, y, z, blur=1.9)


def crossing_tubes(count: int) -> list[Segment]:
    """Tubes of all widths that cross one another, some of which lie outside the canvas."""
    rng = np.random.default_rng(2)
    ends = rng.uniform(-25, 25, (count, 2, 3)).tolist()
    radii = rng.uniform(0.2, 4.0, (count, 2)).tolist()
    segments = [
        Segment((a[0], a[1], a[2]), (b[0], b[1], b[2]), *radius)
        for (a, b), radius in zip(ends, radii, strict=True)
    ]
    far = Segment((90.0, 90.0, 90.0), (95.0, 90.0, 90.0), 2.0, 1.0)
    return [*segments, far, Segment((0.0, 0.0, 0.0), (0.0, 0.0, 0.0), 3.0, 3.0)]


@pytest.mark.parametrize(
    "small, at_once",
    [(4096, 1 << 17), (4096, 500), (300, 1 << 17), (1, 1)],
    ids=["all at once", "in small runs", "large ones alone", "each alone"],
)
def test_a_voxel_gets_what_painting_one_after_the_other_gives(
    small: int, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tubes, "_SMALL", small)
    monkeypatch.setattr(tubes, "_AT_ONCE", at_once)
    segments = crossing_tubes(60)
    expected, painted = empty_canvas(), empty_canvas()
    for part in segments:
        expected.paint_tube(part.start, part.stop, part.radius, part.end_radius, 42)
    tubes.paint_tubes(painted, segments, 42)
    assert (expected.hu > -850).mean() > 0.5, "they fill the canvas"
    assert np.array_equal(painted.hu, expected.hu)
