"""Coarse masks: what lies around them, and which pixels lie inside."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from mitsgan.anatomy.mask import CoarseMask, Triple

SPACING = (2.5, 0.7, 0.8)


@pytest.fixture(scope="module")
def mask() -> CoarseMask:
    """A few scattered pieces, one of them in a corner."""
    rng = np.random.default_rng(5)
    pieces = ndimage.gaussian_filter(rng.standard_normal((12, 20, 24)), 2)
    found = pieces > 1.5 * pieces.std()
    found[:2, :2, :2] = True
    assert 50 < found.sum() < 1000
    return CoarseMask(found, (1, 4, 3))


@pytest.mark.parametrize("reach_mm", [0.5, 2.45, 2.6, 4.0, 7.3])
def test_around_is_all_that_a_distance_map_has_within_reach(
    mask: CoarseMask, reach_mm: float
) -> None:
    steps = np.multiply(mask.stride, SPACING)
    distance = ndimage.distance_transform_edt(~mask.mask, sampling=steps)
    around = mask.with_around(reach_mm, SPACING)
    assert np.array_equal(around.mask, distance <= reach_mm)
    assert around.stride == mask.stride
    assert (around.mask.sum() > mask.mask.sum()) == (reach_mm >= min(steps))


def test_a_step_that_is_just_the_reach_is_within_it() -> None:
    one = np.zeros((1, 5, 5), bool)
    one[0, 2, 2] = True
    around = CoarseMask(one, (1, 5, 10)).with_around(4.0, (2.5, 0.8, 0.4))
    assert around.mask[0].sum() == 5


@pytest.mark.parametrize("shape", [(80, 72), (78, 70)])
def test_a_box_holds_all_pixels_and_a_slice_can_be_had_of_it_alone(
    mask: CoarseMask, shape: tuple[int, int]
) -> None:
    inner = CoarseMask(mask.mask.copy(), mask.stride)
    inner.mask[:, :3] = inner.mask[:, :, -5:] = False
    box = inner.box(shape)
    slices = np.stack([inner.slice(z, shape) for z in range(len(inner.mask))])
    rows, columns = (np.flatnonzero(slices.any(axes)) for axes in ((0, 2), (0, 1)))
    assert box == (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    for z, whole in enumerate(slices):
        assert np.array_equal(inner.slice(z, shape, box), whole[box])


@pytest.mark.parametrize("stride", [(1, 1, 1), (2, 3, 4)])
def test_nothing_has_an_empty_box(stride: Triple) -> None:
    nothing = CoarseMask(np.zeros((2, 8, 8), bool), stride)
    assert nothing.box((16, 16)) == (slice(0, 0), slice(0, 0))
