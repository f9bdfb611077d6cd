"""Agreement with the steps on either side of a limit."""

from __future__ import annotations

import numpy as np
import pytest

from mitsgan.mark import Key, Mark
from mitsgan.mark.content import STEP_HU
from mitsgan.mark.find.measure import measure
from mitsgan.mark.find.reading import Agreement, Crossings, blend, crossings
from mitsgan.mark.find.settings import Detector
from mitsgan.mark.pattern import Pattern
from mitsgan.perturb import Budget, apply_perturbations
from mitsgan.phantom.chest import chest

SETTINGS = Detector()
NEAR = 2 * len(SETTINGS.near_hu) + 1
CLASSES = NEAR * (len(SETTINGS.edges_hu) + 1) + 1
SHAPE = (16, 100, 100)
DEPTH = SHAPE[0]


def _read(shares: np.ndarray, marked: bool, seed: int = 0) -> Agreement:
    """As of a scan in which so many cells of each class carry the step beyond."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, CLASSES, SHAPE).astype(np.uint8)
    crossed = rng.random(SHAPE) < shares[kind]
    own, beyond = rng.normal(0, 1, (2, *SHAPE)).astype(np.float32)
    if marked:
        own[~crossed] += 3
        beyond[crossed] += 3
    return Agreement(own, beyond, kind)


def _crossed(shares: np.ndarray, left: float = 1.0) -> Crossings:
    return Crossings(shares, np.full(CLASSES, left))


def test_how_often_a_limit_was_crossed_is_measured_by_how_near_it_was() -> None:
    shares = np.linspace(0, 0.5, CLASSES)
    ones, marked = np.ones(SHAPE, np.float32), np.ones(DEPTH, bool)
    crossed = crossings(_read(shares, True), ones, ones, marked, SETTINGS)
    np.testing.assert_allclose(crossed.beyond[1:-1], shares[1:-1], atol=0.07)
    assert crossed.beyond[0] == crossed.beyond[-1] == 0, "far cells, and those that are cut"
    marked[4:] = False
    half = crossings(_read(shares, True), ones, ones, marked, SETTINGS)
    assert (half.beyond != crossed.beyond).any()


def test_what_edges_took_beyond_both_steps_is_not_expected() -> None:
    read = _read(np.zeros(CLASSES), True)
    assert read.nearness is not None
    steepest = (read.nearness >= CLASSES - 1 - NEAR) & (read.nearness < CLASSES - 1)
    read.own[steepest] *= 0.25
    ones, marked = np.ones(SHAPE, np.float32), np.ones(DEPTH, bool)
    crossed = crossings(read, ones, ones, marked, SETTINGS)
    np.testing.assert_allclose(crossed.left[: -1 - NEAR], 1, atol=0.05)
    np.testing.assert_allclose(crossed.left[-1 - NEAR : -1], 0.25, atol=0.05)
    left = blend(read, crossed, 0, DEPTH)
    assert left is not None
    assert read.own[steepest].mean() == pytest.approx(3 * left[steepest].mean(), rel=0.05)


def test_the_sum_of_both_steps_has_the_noise_of_one_and_no_mean_without_a_mark() -> None:
    read = _read(np.full(CLASSES, 0.3), False)
    left = blend(read, _crossed(np.full(CLASSES, 0.3)), 0, DEPTH)
    assert left is not None
    known = left > 0
    np.testing.assert_array_equal(known, read.nearness != CLASSES - 1, "cells that are cut")
    assert (read.own[~known] == 0).all()
    assert abs(read.own[known].mean()) < 4 / np.sqrt(known.sum())
    assert read.own[known].std() == pytest.approx(1, abs=0.02)
    np.testing.assert_allclose(left[known], np.hypot(0.7, 0.3), rtol=1e-5)


def test_what_is_expected_of_the_sum_is_there() -> None:
    shares = np.full(CLASSES, 0.3)
    read = _read(shares, True)
    left = blend(read, _crossed(shares), 0, DEPTH)
    assert left is not None
    known = left > 0
    assert read.own[known].mean() == pytest.approx(3 * left[known].mean(), rel=0.02)


def test_an_older_pattern_knows_no_steps() -> None:
    read = Agreement(np.ones((2, 3, 3), np.float32))
    crossed = crossings(read, read.own, read.own, np.ones(2, bool), SETTINGS)
    assert not crossed.beyond.any()
    assert blend(read, crossed, 0, 2) is None


def test_means_that_all_moved_lose_little_of_the_mark() -> None:
    """As a lost digit of the rescale intercept does it."""
    scan = chest((12, 160, 160), (2.5, 1.5, 1.5), seed=1)
    key = Key(bytes(32))
    marked = apply_perturbations(scan, [Mark(key, "x", 8.0)], Budget(20)).scan
    pattern = Pattern.of(key, "x", scan)

    def power(offset: int) -> float:
        moved = np.where(marked.is_padding(), marked.stored, marked.stored + np.int16(offset))
        measured = measure(marked.with_stored(moved.astype(np.int16)), pattern, SETTINGS)
        weight = measured.strengths / measured.noise.local * (measured.means > -900)
        return float((weight * measured.products).sum())

    assert power(3) > 0.85 * power(0)
    assert power(round(STEP_HU)) < 0.2 * power(0)
