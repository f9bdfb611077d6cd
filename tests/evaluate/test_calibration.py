"""Calibration: probabilities against what was there."""

from __future__ import annotations

import numpy as np
import pytest

from mitsgan.evaluate.calibration import calibrate


def test_probabilities_that_come_true_have_no_error() -> None:
    positives, negatives = [0.75] * 75 + [0.25] * 25, [0.75] * 25 + [0.25] * 75
    found = calibrate(positives, negatives)
    assert found.expected_error == pytest.approx(0)
    assert found.brier == pytest.approx(0.25 * 0.75)
    assert found.auc == pytest.approx(0.75**2 + 0.75 * 0.25)
    filled = {round(b.low, 1): (b.probability, b.positives.n) for b in found.bins if b.positives.n}
    assert filled == {0.2: (0.25, 100), 0.7: (0.75, 100)}
    assert sum(b.probability is None for b in found.bins) == 8


def test_too_sure_of_itself() -> None:
    found = calibrate([1.0] * 6 + [0.0] * 4, [0.0] * 6 + [1.0] * 4)
    assert found.bins[-1].positives.n == 10, "1 is in the last bin"
    assert found.bins[-1].positives.rate == 0.6
    assert found.expected_error == pytest.approx(0.4)
    assert found.brier == pytest.approx(0.4)


def test_the_error_is_that_of_the_definition() -> None:
    rng = np.random.default_rng(3)
    positives, negatives = rng.beta(3, 1, 300), rng.beta(1, 2, 200)
    found = calibrate(positives.tolist(), negatives.tolist())
    probability = np.concatenate([positives, negatives])
    truth = np.array([1] * 300 + [0] * 200)
    expected = 0.0
    for low in np.arange(10) / 10:
        inside = (probability >= low) & (probability < low + 0.1)
        expected += abs((probability - truth)[inside].sum()) / 500
    assert found.expected_error == pytest.approx(expected)


def test_one_of_each_is_needed() -> None:
    with pytest.raises(ValueError, match="both groups"):
        calibrate([], [0.5])
