"""Sliding windows against the same thing said plainly."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from mitsgan.mark.sliding import Slider, covered, sliding_sums, tiles
from mitsgan.mark.windows import Window
from mitsgan.slabs import in_slabs, per_thread

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


@pytest.mark.parametrize("sides", SIDES)
def test_tiles_lie_side_by_side(sides: Window) -> None:
    rng = np.random.default_rng(3)
    values, mask = rng.random((6, 9, 11)).astype(np.float32), rng.random((6, 9, 11)) < 0.5
    expected = np.zeros([-(-n // side) for n, side in zip(values.shape, sides, strict=True)])
    for at in np.ndindex(values.shape):
        expected[tuple(np.array(at) // sides)] += values[at] * mask[at]
    np.testing.assert_allclose(tiles(values, sides, mask), expected, rtol=1e-5)
    np.testing.assert_allclose(tiles(values * mask, sides), expected, rtol=1e-5)
    assert tiles(mask, sides).sum() == mask.sum()


@pytest.mark.parametrize("thickness", [1, 4, 5, 99])
def test_a_slab_has_the_sums_of_the_whole(thickness: int) -> None:
    values = np.random.default_rng(1).random((13, 8, 7)).astype(np.float32)
    slider = Slider(np.float32)

    def slab(start: int, stop: int) -> NDArray[np.float32]:
        return slider.sums(values, (6, 3, 2), start, stop)[:, :8, :7].copy()

    parts = [slab(at, min(at + thickness, 13)) for at in range(0, 13, thickness)]
    np.testing.assert_array_equal(np.concatenate(parts), sliding_sums(values, (6, 3, 2)))


def test_results_are_kept_apart_until_the_next_of_their_number() -> None:
    values = np.random.default_rng(2).random((3, 5, 6)).astype(np.float32)
    slider = Slider(np.float32, 2)
    sides: list[Window] = [(1, 1, 1), (2, 2, 2), (3, 4, 5), (1, 8, 3)]
    for number, side in enumerate(sides):
        one = slider.sums(values, side, 0, 3, number % 2)
        other = slider.sums(1 - values, side, 0, 3, 1 - number % 2)
        np.testing.assert_allclose(one[:, :5, :6], sliding_sums(values, side), rtol=1e-5)
        np.testing.assert_allclose(other[:, :5, :6], sliding_sums(1 - values, side), rtol=1e-5)


@pytest.mark.parametrize("thickness", [1, 4, 99])
def test_slabs_cover_everything_in_order(thickness: int) -> None:
    objects: list[object] = []

    def make() -> object:
        objects.append(object())
        return objects[-1]

    own = per_thread(make)
    parts = list(in_slabs(lambda start, stop: (start, stop, own()), 13, thickness))
    assert [n for start, stop, _ in parts for n in range(start, stop)] == list(range(13))
    assert {id(mine) for _, _, mine in parts} == {id(one) for one in objects}
