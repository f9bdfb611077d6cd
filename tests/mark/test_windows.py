"""Sliding windows against the same thing said plainly."""

from __future__ import annotations

import numpy as np
import pytest

from mitsgan.mark.windows import Window, covered, sliding_sums
from mitsgan.slabs import in_slabs

SIDES: list[Window] = [(1, 1, 1), (1, 3, 3), (2, 3, 4), (4, 4, 4), (7, 6, 5), (9, 30, 2)]


def _reach(at: int, side: int, length: int) -> slice:
    """What the window around ``at`` covers; if even, one more towards the start."""
    return slice(max(at - side // 2, 0), min(at - side // 2 + side, length))


@pytest.mark.parametrize("sides", SIDES)
def test_sums_and_cover_are_those_of_the_window(sides: Window) -> None:
    values = np.random.default_rng(0).random((6, 9, 11)).astype(np.float32)
    sums, largest = np.empty_like(values), np.zeros_like(values)
    for at in np.ndindex(values.shape):
        inside = tuple(_reach(*each) for each in zip(at, sides, values.shape, strict=True))
        sums[at] = values[inside].sum(dtype=np.float64)
        np.maximum(largest[inside], values[at], out=largest[inside])
    np.testing.assert_allclose(sliding_sums(values, sides), sums, rtol=1e-5)
    np.testing.assert_array_equal(covered(values, sides), largest)
    np.testing.assert_array_equal(covered(values > 0.95, sides), largest > 0.95)


@pytest.mark.parametrize("thickness", [1, 4, 5, 99])
def test_a_slab_has_the_sums_of_the_whole(thickness: int) -> None:
    values = np.random.default_rng(1).random((13, 8, 7)).astype(np.float32)
    parts = list(in_slabs(lambda a, b: sliding_sums(values, (6, 3, 2), a, b), 13, thickness))
    np.testing.assert_array_equal(np.concatenate(parts), sliding_sums(values, (6, 3, 2)))
    assert len(parts) == -(-13 // thickness)
