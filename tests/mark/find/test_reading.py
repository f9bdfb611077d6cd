"""Agreement with the steps on either side of a limit."""

from __future__ import annotations

import numpy as np
import pytest

from mitsgan.mark import Key, Mark
from mitsgan.mark.content import STEP_HU
from mitsgan.mark.find.measure import measure
from mitsgan.mark.find.reading import Agreement, blend, share_beyond
from mitsgan.mark.find.settings import Detector
from mitsgan.mark.pattern import Pattern
from mitsgan.perturb import Budget, apply_perturbations
from mitsgan.phantom.chest import chest

SETTINGS = Detector()
CLASSES = 2 * len(SETTINGS.near_hu) + 2


def _read(shares: np.ndarray, marked: bool, seed: int = 0) -> Agreement:
    """As of a scan in which so many cells of each class carry the step beyond."""
    rng = np.random.default_rng(seed)
    shape = (8, 60, 60)
    kind = rng.integers(0, CLASSES, shape).astype(np.uint8)
    crossed = rng.random(shape) < shares[kind]
    own, beyond = rng.normal(0, 1, (2, *shape)).astype(np.float32)
    if marked:
        own[~crossed] += 3
        beyond[crossed] += 3
    return Agreement(own, beyond, kind)


def test_how_often_a_limit_was_crossed_is_measured_by_how_near_it_was() -> None:
    shares = np.linspace(0, 0.5, CLASSES)
    weight, marked = np.ones((8, 60, 60), np.float32), np.ones(8, bool)
    found = share_beyond(_read(shares, True), weight, marked, SETTINGS)
    np.testing.assert_allclose(found[1:-1], shares[1:-1], atol=0.05)
    assert found[0] == found[-1] == 0, "far cells, and those whose mean is not known"
    marked[4:] = False
    half = share_beyond(_read(shares, True), weight, marked, SETTINGS)
    assert (half != found).any()


def test_the_sum_of_both_steps_has_the_noise_of_one_and_no_mean_without_a_mark() -> None:
    shares = np.full(CLASSES, 0.3)
    read = _read(shares, False)
    left = blend(read, shares, 0, 8)
    assert left is not None
    known = left > 0
    assert 0.9 < known.mean() < 0.97, "cells that are cut are left out"
    assert (read.own[~known] == 0).all()
    assert abs(read.own[known].mean()) < 4 / np.sqrt(known.sum())
    assert read.own[known].std() == pytest.approx(1, abs=0.02)
    np.testing.assert_allclose(left[known], np.hypot(0.7, 0.3), rtol=1e-5)


def test_what_is_expected_of_the_sum_is_there() -> None:
    shares = np.full(CLASSES, 0.3)
    read = _read(shares, True)
    left = blend(read, shares, 0, 8)
    assert left is not None
    known = left > 0
    assert read.own[known].mean() == pytest.approx(3 * left[known].mean(), rel=0.02)


def test_an_older_pattern_knows_no_steps() -> None:
    read = Agreement(np.ones((2, 3, 3), np.float32))
    assert not share_beyond(read, read.own, np.ones(2, bool), SETTINGS).any()
    assert blend(read, np.zeros(CLASSES), 0, 2) is None


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
