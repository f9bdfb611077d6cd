"""The search for lost mark against the same thing said plainly."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mitsgan.mark.find.expected import Evidence
from mitsgan.mark.find.hidden.steps import Steps
from mitsgan.mark.find.search import deviation, search
from mitsgan.mark.find.settings import Detector
from mitsgan.mark.find.wear.unevenness import unevenness
from mitsgan.mark.sliding import covered, sliding_sums
from mitsgan.mark.windows import DENSE_SIZES, SIZES_MM, threshold, window

SPACING = (2.5, 0.9, 0.8)
SETTINGS = Detector()


def evidence(seed: int, power: float, hole: int, dispersion: float) -> Evidence:
    """A marked scan that lost the mark in a cube."""
    rng = np.random.default_rng(seed)
    shape = (24, 30, 34)
    expected = (power * rng.random(shape)).astype(np.float32)
    variances = (expected * rng.uniform(0.7, 1.3, shape)).astype(np.float32)
    kept = np.ones(shape, np.float32)
    kept[3 : 3 + hole, 4 : 4 + hole, 5 : 5 + hole] = 0
    body = rng.random(shape) < 0.9
    products = kept * expected + np.sqrt(variances) * rng.normal(size=shape)
    return Evidence(
        (products * body).astype(np.float32), variances * body, expected * body,
        body, body & (rng.random(shape) < 0.8), dispersion, 3.0, kept == 0,
    )  # fmt: skip


@pytest.mark.slow
@settings(deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([0.0, 0.3, 1.0, 4.0]),
    st.integers(0, 7),
    st.sampled_from([0.0, 0.1, 1.0]),
)
def test_what_is_found_is_what_all_windows_say(
    seed: int, power: float, hole: int, dispersion: float
) -> None:
    whole = evidence(seed, power, hole, dispersion)
    search_result = search(whole, SPACING, 0.01, SETTINGS)
    sides = [window(mm, SPACING) for mm in SIZES_MM]
    tests = [(whole.body, side) for side in sides]
    tests += [(whole.dense, side) for side in sides[:DENSE_SIZES]]
    steps = Steps.of(whole, SPACING, SETTINGS)
    least = threshold(0.01, steps.windows + sum(int(looked.sum()) for looked, _ in tests))
    floor = max(dispersion, 0.05)
    testable = np.zeros(whole.body.shape, np.bool_)
    alarm, worst = False, 0.0
    near, fine = np.zeros(whole.body.shape, np.bool_), window(8.0, SPACING)
    for number, (looked, side) in enumerate(tests):
        total, variance, mean = (
            sliding_sums(part * looked, side)
            for part in (whole.products, whole.variances, whole.expected)
        )
        spread = deviation(variance, mean, max(unevenness(whole, looked, side, SETTINGS), floor))
        if number < len(sides):
            testable |= covered(mean > np.float32(least + 2) * spread, side)
        short = (mean - total) / spread
        lost = (short > least) & (mean > least * spread) & (total < 0.6 * mean)
        if number < len(sides):
            lost &= sliding_sums(whole.body.astype(np.float32), side) >= np.prod(side) / 8
        alarm |= bool(lost.any())
        near |= covered(covered(lost, side), fine) & looked
        worst = max(worst, float(short[lost].max(initial=0)))
    apart = steps.shortfall(least)
    if apart is not None:
        alarm = True
        near |= covered(apart > 0, fine) & whole.body
        worst = max(worst, float(apart.max()))
    np.testing.assert_array_equal(search_result.testable, testable)
    assert search_result.flagged.any() == alarm
    assert search_result.score.max() == pytest.approx(worst, rel=1e-4)
    t, v, m = (
        sliding_sums(part, fine).astype(np.float64)
        for part in (whole.products, whole.variances, whole.expected)
    )
    v = np.maximum(v, 1e-6)
    wide = v + (dispersion * m) ** 2
    ratio = ((t - m) ** 2 / wide - t**2 / v + np.log(wide / v)) / 2
    ratio = np.where(t > m, -20, ratio).clip(-20, 20)
    expected = near / (1 + np.exp(-ratio))
    np.testing.assert_allclose(search_result.probability, expected, atol=2e-3)
    assert bool(expected.any()) == alarm


@pytest.mark.parametrize("uneven", [0.0, 0.15, 0.3])
def test_unevenness_is_measured_beside_what_was_lost(uneven: float) -> None:
    rng = np.random.default_rng(3)
    shape, side = (40, 40, 40), (4, 4, 4)
    left = 1 + uneven * np.kron(rng.normal(size=(10, 10, 10)), np.ones(side))
    expected = np.full(shape, 3, np.float32)
    lost = np.zeros(shape, np.bool_)
    lost[8:24, 8:24] = True
    products = (left * expected * ~lost + np.sqrt(3) * rng.normal(size=shape)).astype(np.float32)
    body = np.ones(shape, np.bool_)
    whole = Evidence(products, expected, expected, body, body, 0.03, 3.0, lost)
    measured = unevenness(whole, body, side, SETTINGS)
    assert measured == pytest.approx(uneven, rel=0.3, abs=0.05)
    few = Evidence(products, expected, expected, body, body, 0.03, 3.0, ~lost & False)
    assert unevenness(few, body, side, SETTINGS) > 0.35, (
        "the lost tenth counts where nothing says that it is lost"
    )
    assert unevenness(whole, body, (20, 20, 20), SETTINGS) == 1, "eight windows tell nothing"
