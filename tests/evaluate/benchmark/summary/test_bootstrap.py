"""Intervals: their ends, their coverage, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest

from mitsgan.evaluate.benchmark.summary.bootstrap import interval, median_interval, ratio_interval


def test_a_median_lies_in_its_interval_and_is_the_median() -> None:
    interval = median_interval([3.0, 1.0, 2.0, 5.0, 4.0])
    assert interval.value == 3.0
    assert 1.0 <= interval.low <= interval.value <= interval.high <= 5.0
    assert interval.n == 5


def test_one_value_is_its_own_interval() -> None:
    interval = median_interval([7.0])
    assert (interval.value, interval.low, interval.high, interval.n) == (7.0, 7.0, 7.0, 1)


def test_the_seed_decides() -> None:
    values = np.random.default_rng(0).normal(size=30).tolist()
    assert median_interval(values, seed=1) == median_interval(values, seed=1)
    assert median_interval(values, seed=1) != median_interval(values, seed=2)


def test_intervals_of_medians_hold_the_true_one_about_as_often_as_they_say() -> None:
    rng = np.random.default_rng(5)
    covered = 0
    for number in range(200):
        values = rng.exponential(size=48).tolist()
        interval = median_interval(values, resamples=300, seed=number)
        covered += interval.low <= np.log(2) <= interval.high
    assert 0.90 <= covered / 200 <= 0.99


def test_places_are_drawn_in_pairs() -> None:
    below = np.random.default_rng(3).uniform(1, 50, 20)
    interval = ratio_interval((2 * below).tolist(), below.tolist())
    # Drawn apart, the ratio of two such medians would scatter widely around 2.
    assert interval.low == pytest.approx(2.0)
    assert interval.high == pytest.approx(2.0)


@pytest.mark.parametrize("samples", [[[]], [[1.0, 2.0], [1.0]]])
def test_samples_that_do_not_belong_together_are_refused(samples: list[list[float]]) -> None:
    with pytest.raises(ValueError, match="one length"):
        interval(samples, np.mean, 10, 0)
