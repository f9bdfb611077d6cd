"""The search for lost mark against the same thing said plainly."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mitsgan.mark.expected import Evidence
from mitsgan.mark.regions import deviation, search
from mitsgan.mark.sliding import covered, sliding_sums
from mitsgan.mark.windows import DENSE_SIZES, SIZES_MM, threshold, window

SPACING = (2.5, 0.9, 0.8)


def evidence(seed: int, power: float, hole: int, dispersion: float) -> Evidence:
    """A marked scan that lost the mark in a cube."""
    rng = np.random.default_rng(seed)
    shape = (11, 14, 17)
    expected = (power * rng.random(shape)).astype(np.float32)
    variances = (expected * rng.uniform(0.7, 1.3, shape)).astype(np.float32)
    kept = np.ones(shape, np.float32)
    kept[3 : 3 + hole, 4 : 4 + hole, 5 : 5 + hole] = 0
    body = rng.random(shape) < 0.9
    products = kept * expected + np.sqrt(variances) * rng.normal(size=shape)
    return Evidence(
        (products * body).astype(np.float32), variances * body, expected * body,
        body, body & (rng.random(shape) < 0.8), dispersion, 3.0,
    )  # fmt: skip


@settings(deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([0.0, 0.3, 1.0, 4.0]),
    st.integers(0, 7),
    st.sampled_from([0.0, 0.1, 0.3]),
)
def test_what_is_found_is_what_all_windows_say(
    seed: int, power: float, hole: int, dispersion: float
) -> None:
    whole = evidence(seed, power, hole, dispersion)
    found = search(whole, SPACING, 0.01)
    sides = [window(mm, SPACING) for mm in SIZES_MM]
    tests = [(whole.body, side) for side in sides]
    tests += [(whole.dense, side) for side in sides[:DENSE_SIZES]]
    least = threshold(0.01, sum(int(looked.sum()) for looked, _ in tests))
    uneven = min(max(dispersion, 0.05), 0.6 / least)
    testable = np.zeros(whole.body.shape, np.bool_)
    alarm, worst = False, 0.0
    for number, (looked, side) in enumerate(tests):
        total, variance, mean = (
            sliding_sums(part * looked, side)
            for part in (whole.products, whole.variances, whole.expected)
        )
        spread = deviation(variance, mean, uneven)
        if number < len(sides):
            testable |= covered(mean > np.float32(least + 2) * spread, side)
        short = (mean - total) / spread
        lost = (short > least) & (mean > least * spread) & (total < 0.6 * mean)
        alarm |= bool(lost.any())
        worst = max(worst, float(short[lost].max(initial=0)))
    np.testing.assert_array_equal(found.testable, testable)
    assert found.flagged.any() == alarm
    assert found.score.max() == pytest.approx(worst, rel=1e-4)
    side = window(8.0, SPACING)
    total, variance, mean = (
        sliding_sums(part, side).astype(np.float64)
        for part in (whole.products, whole.variances, whole.expected)
    )
    variance = np.maximum(variance, 1e-6)
    wide = variance + (dispersion * mean) ** 2
    ratio = ((total - mean) ** 2 / wide - total**2 / variance + np.log(wide / variance)) / 2
    ratio = np.where(total > mean, -20, ratio + np.log(1e-3 / (1 - 1e-3))).clip(-20, 20)
    np.testing.assert_allclose(found.probability, 1 / (1 + np.exp(-ratio)), atol=2e-3)
