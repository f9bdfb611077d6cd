"""Places that are somewhat louder than what is around, and lack the mark or have too much of it."""

from __future__ import annotations

import numpy as np

from mitsgan.mark.find.expected import Evidence
from mitsgan.mark.find.hidden.doubtful import Louder, doubtful_places, window_sums
from mitsgan.mark.find.settings import Detector
from mitsgan.mark.sliding import sliding_sums

SHAPE = (20, 30, 30)
SIDE = (3, 3, 3)
CUBE = (slice(8, 12), slice(10, 14), slice(10, 14))
MIDDLE = (10, 12, 12)


def evidence(left: float) -> Evidence:
    """A scan that has so much of its mark in a cube, and all of it elsewhere."""
    rng = np.random.default_rng(1)
    expected = np.ones(SHAPE, np.float32)
    share = np.ones(SHAPE, np.float32)
    share[CUBE] = left
    products = share + rng.normal(size=SHAPE).astype(np.float32)
    body = np.ones(SHAPE, np.bool_)
    return Evidence(products, expected, expected, body, body, 0.03, 3.0, np.zeros_like(body))


def louder(*centres: tuple[int, int, int]) -> list[Louder]:
    mask = np.zeros(SHAPE, np.bool_)
    for centre in centres:
        mask[centre] = True
    return [Louder(mask, SIDE)]


def places(left: float, windows: list[Louder]) -> np.ndarray:
    return doubtful_places(windows, evidence(left), 0.005, Detector())


def test_a_louder_place_that_lacks_the_mark_is_told() -> None:
    found = places(0.0, louder(MIDDLE, (3, 3, 3)))
    assert found[9:12, 11:14, 11:14].all()
    assert found.sum() == 27


def test_a_louder_place_with_the_mark_is_not_nor_a_quiet_one_without() -> None:
    assert not places(1.0, louder(MIDDLE, (3, 3, 3))).any()
    assert not places(0.0, louder((3, 3, 3))).any()


def test_a_place_whose_mark_was_amplified_is_told() -> None:
    assert places(3.0, louder(MIDDLE)).any()


def test_where_much_of_a_scan_is_as_loud_it_says_nothing() -> None:
    whole = [Louder(np.ones(SHAPE, np.bool_), SIDE)]
    assert not places(0.0, whole).any()


def test_windows_are_added_up_as_sliding_ones_are() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=SHAPE).astype(np.float32)
    for side in ((3, 3, 3), (4, 5, 2)):
        centres = np.array([(5, 6, 7), (14, 20, 25)])
        (sums,) = window_sums([values], centres, side)
        np.testing.assert_allclose(sums, sliding_sums(values, side)[tuple(centres.T)], rtol=1e-4)
    many = np.tile(centres, (1500, 1))
    (sums,) = window_sums([values], many, (3, 3, 3))
    assert np.unique(sums).size == 2


def test_at_an_end_of_the_scan_the_last_whole_window_counts() -> None:
    mask = np.zeros(SHAPE, np.bool_)
    mask[0, 0, 0] = True
    assert not places(1.0, [Louder(mask, SIDE)]).any()
    assert not places(1.0, [Louder(mask, (40, 3, 3))]).any(), "larger than the scan"
