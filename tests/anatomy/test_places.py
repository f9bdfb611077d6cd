"""Random places lie deep in the lung with a whole cube around them, however they are drawn."""

from __future__ import annotations

from itertools import islice, product

import numpy as np
import pytest
from numpy.typing import NDArray

from mitsgan.anatomy.lung import find_lung
from mitsgan.anatomy.places import (
    LungPositions,
    block_start,
    cube_size,
    deep_lung,
    has_whole_block,
    lung_positions,
)
from mitsgan.attack import plan_attack
from mitsgan.errors import PositionError, ScanError
from mitsgan.scan.scan import Geometry, Scan


@pytest.fixture(scope="module")
def ball() -> Scan:
    """28 x 64 x 64 at 4 x 2 x 2 mm: a lung of 96 mm across, noise of 30 HU."""
    spacing, shape = (4.0, 2.0, 2.0), (28, 64, 64)
    grid = np.stack(np.meshgrid(*(np.arange(n) - n / 2 for n in shape), indexing="ij"), -1)
    inside = ((grid * spacing / 48.0) ** 2).sum(-1) < 1
    hu = np.where(inside, -850, 40) + np.random.default_rng(0).normal(0, 30, shape)
    return Scan(hu.astype(np.int16), np.ones(28), np.zeros(28), -2048, 4095, Geometry(spacing))


def drawn(places: LungPositions, count: int) -> NDArray[np.int64]:
    return np.asarray(list(islice(places.draw(np.random.default_rng(0)), count)))


def test_starts_round_half_to_even() -> None:
    assert block_start((10, 10, 10), (5, 7, 8)) == (8, 6, 6)


@pytest.mark.parametrize("size", [(2, 3, 4), (5, 6, 7), (8, 9, 10)])
def test_a_block_is_whole_where_its_voxels_are(size: tuple[int, int, int]) -> None:
    shape = (9, 11, 12)
    for position in product(*(range(-1, n + 1) for n in shape)):
        start = np.asarray(block_start(position, size))
        whole = (start >= 0).all() and (start + size <= shape).all()
        assert has_whole_block(position, size, shape) == whole
    some = np.random.default_rng(0).integers(0, 9, (5, 7, 3))
    together = has_whole_block(some, size, shape)
    assert together.shape == (5, 7)
    assert together[2, 3] == has_whole_block(some[2, 3], size, shape)


@pytest.mark.parametrize("size", [2, 5, 6, 7, 8])
def test_between_voxels_a_block_needs_one_more_on_every_side(size: int) -> None:
    for position in np.arange(-1.0, 17.0, 0.25):
        whole = size // 2 + 1 <= position <= 16 - size // 2 - 1
        answers = has_whole_block([position] * 3, (size,) * 3, (16,) * 3, between_voxels=True)
        assert answers == whole


def test_drawn_places_lie_deep_with_a_whole_cube(ball: Scan) -> None:
    places = drawn(LungPositions.of(ball), 500)
    middle = np.asarray(ball.shape) / 2
    distance = np.linalg.norm((places - middle) * ball.spacing, axis=1)
    assert distance.max() <= 48 - 5 + 4  # the mask is coarse
    cube = np.round(32 / np.asarray(ball.spacing))
    assert (places >= cube / 2).all()
    assert (places + cube / 2 <= ball.shape).all()
    assert {tuple(p) for p in places % 2} == set(np.ndindex(2, 2, 2)), "any voxel, not every other"


def test_positions_lie_in_the_lung_with_a_whole_cube(ball: Scan) -> None:
    positions = lung_positions(ball, 10, 0)
    lung = find_lung(ball)
    assert len(set(positions)) > 5
    for position in positions:
        assert lung.contains(position)
        plan_attack(ball.hu(), ball.spacing, position, "inject")
    assert positions == lung_positions(ball, 10, 0)
    assert positions != lung_positions(ball, 10, 1)
    assert positions[:4] == LungPositions.of(ball).some(4, np.random.default_rng(0), 2000)


def test_positions_are_the_ones_that_results_were_made_with(ball: Scan) -> None:
    """The first random coarse voxels of the deep lung around which the cube lies in the scan."""
    lung, rng = find_lung(ball).within(5.0, ball.spacing), np.random.default_rng(7)
    coarse = np.argwhere(lung.mask)
    expected = []
    for voxel in coarse[rng.integers(len(coarse), size=200 * 20)] * np.asarray(lung.stride):
        start = np.asarray(block_start(voxel.tolist(), cube_size(ball.spacing)))
        if (start >= 0).all() and (start + cube_size(ball.spacing) <= ball.shape).all():
            expected.append(tuple(voxel.tolist()))
    assert lung_positions(ball, 20, 7) == expected[:20]


def test_the_deep_lung_is_found_once(ball: Scan) -> None:
    assert deep_lung(ball) is deep_lung(ball, 5.0)
    assert deep_lung(ball, 9.0).mask.sum() < deep_lung(ball).mask.sum()
    assert find_lung(ball) is find_lung(ball)


def test_no_lung_and_too_little_of_it_are_told(ball: Scan) -> None:
    solid = ball.with_stored(np.full_like(ball.stored, 40))
    thin = ball.with_slices(ball.stored[11:17], 11, 17)
    for ask in (LungPositions.of, lambda scan: lung_positions(scan, 4, 0)):
        with pytest.raises(ScanError, match="no lung"):
            ask(solid)
        with pytest.raises(PositionError, match="too little"):
            ask(thin)
    far = LungPositions(find_lung(ball), ball.spacing, (4, 4, 4))
    assert far.some(3, np.random.default_rng(0), 50) == []
