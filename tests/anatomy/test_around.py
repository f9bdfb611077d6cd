"""What lies around a part of a scan, against every distance worked out."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from mitsgan.anatomy.around import Around
from mitsgan.anatomy.mask import CoarseMask
from mitsgan.scan.scan import Geometry

SHAPE = (12, 50, 41)
SPACING = (2.5, 0.7, 0.8)


def _part(stride: tuple[int, int, int]) -> CoarseMask:
    mask = np.zeros([-(-n // s) for n, s in zip(SHAPE, stride, strict=True)], bool)
    places = np.random.default_rng(3).integers(0, mask.shape, (4, 3))
    mask[tuple(places.T)] = True
    return CoarseMask(mask, stride)


def _distances(part: CoarseMask) -> NDArray[np.float64]:
    """``[z, y, x]``, mm from the nearest voxel of the part that was looked at."""
    tree = cKDTree(part.voxels * SPACING)
    everywhere = np.moveaxis(np.indices(SHAPE), 0, -1) * SPACING
    return np.asarray(tree.query(everywhere)[0])


@pytest.mark.parametrize("stride", [(1, 1, 1), (1, 4, 4), (2, 3, 5)])
@pytest.mark.parametrize("reach_mm", [3.0, 9.0])
def test_what_is_within_reach_is_in_it(stride: tuple[int, int, int], reach_mm: float) -> None:
    part = _part(stride)
    whole = (slice(0, SHAPE[1]), slice(0, SHAPE[2]))
    inside = Around.of(part, reach_mm, SPACING).slab(0, SHAPE[0], whole)
    distance = _distances(part)
    assert inside.any()
    assert not inside.all()
    half = np.hypot.reduce([n * s for n, s in zip(stride, SPACING, strict=True)]) / 2
    within = [n * ((p - 1) // n) for n, p in zip(stride, SHAPE, strict=True)]
    between = tuple(slice(0, end + 1) for end in within)  # beyond the last coarse voxel it repeats
    tolerance = 0.01 if stride == (1, 1, 1) else half
    assert distance[between][inside[between]].max() <= reach_mm + tolerance
    assert distance[between][~inside[between]].min() >= reach_mm - tolerance
    assert np.mean(inside[between] != (distance[between] <= reach_mm)) < 0.02


def test_a_slab_and_a_box_are_cut_from_the_whole() -> None:
    around = Around.of(_part((2, 3, 5)), 6.0, SPACING)
    whole = around.slab(0, SHAPE[0], (slice(0, SHAPE[1]), slice(0, SHAPE[2])))
    for start, stop in ((0, 1), (3, 8), (11, 12)):
        for box in ((slice(5, 6), slice(4, 41)), (slice(7, 50), slice(0, 1))):
            cut = around.slab(start, stop, box)
            np.testing.assert_array_equal(cut, whole[(slice(start, stop), *box)])


def test_nothing_is_around_nothing() -> None:
    empty = CoarseMask(np.zeros((4, 5, 6), bool), (1, 2, 2))
    around = Around.of(empty, 10.0, Geometry((1.0, 1.0, 1.0)).spacing)
    assert not around.slab(0, 4, (slice(0, 10), slice(0, 12))).any()
