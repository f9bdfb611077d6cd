"""Cells, regions and their overlap with what was attacked."""

from __future__ import annotations

import numpy as np
import pytest

from mitsgan.errors import PositionError
from mitsgan.evaluate.passive.score_map import ScoreMap, calibrated


def scores(value: float = 0.0) -> ScoreMap:
    """Cells of 5 x 4 x 4 voxels of 1 mm: 0.08 ml each."""
    values = np.full((6, 12, 12), value, np.float32)
    return ScoreMap(values, (2.0, 1.5, 1.5), (5, 4, 4), (1.0, 1.0, 1.0))


def with_block(*boxes: tuple[slice, slice, slice]) -> ScoreMap:
    values = scores().values.copy()
    for number, box in enumerate(boxes):
        values[box] = 5.0 + number
    return scores().with_values(values)


BLOCK = (slice(1, 3), slice(2, 5), slice(2, 5))  # 18 cells, 1.44 ml


def test_a_place_has_the_score_of_the_nearest_judged_cell() -> None:
    one = with_block(BLOCK)
    assert one.at((7, 10, 10)) == 5.0
    assert one.at((2, 1, 1)) == 0.0
    values = one.values.copy()
    values[1, 2, 2] = np.nan
    assert one.with_values(values).at((7, 10, 10)) == 5.0
    with pytest.raises(PositionError, match="no lung"):
        scores(np.nan).at((0, 0, 0))


def test_regions_are_connected_and_not_tiny() -> None:
    far = (slice(4, 6), slice(8, 11), slice(8, 11))
    tiny = (slice(5, 6), slice(0, 2), slice(0, 2))
    assert with_block(BLOCK, far, tiny).regions(1.0) == 2
    assert with_block(BLOCK, far, tiny).regions(5.5) == 1
    assert scores().regions(1.0) == 0


def test_overlap_counts_voxels_of_the_regions_that_touch() -> None:
    far = (slice(4, 6), slice(8, 11), slice(8, 11))
    one = with_block(BLOCK, far)
    exactly = (slice(5, 15), slice(8, 20), slice(8, 20))
    assert one.overlap(1.0, exactly) == pytest.approx(1.0)
    half = (slice(5, 10), slice(8, 20), slice(8, 20))
    assert one.overlap(1.0, half) == pytest.approx(0.5)
    beside = (slice(0, 5), slice(0, 8), slice(24, 32))
    assert one.overlap(1.0, beside) == 0.0
    assert one.overlap(9.0, exactly) == 0.0


def test_calibration_leaves_no_more_regions_than_asked_for() -> None:
    rng = np.random.default_rng(0)
    maps = [scores().with_values(rng.normal(size=(6, 12, 12)).astype(np.float32)) for _ in range(3)]
    for one in maps:
        one.values[BLOCK] += 4
    threshold = calibrated(maps, 1.0)
    assert sum(one.regions(threshold) for one in maps) == 3
    assert sum(one.regions(calibrated(maps, 0.0)) for one in maps) == 0
    with pytest.raises(PositionError, match="nothing to calibrate on"):
        calibrated([scores(np.nan)], 1.0)
