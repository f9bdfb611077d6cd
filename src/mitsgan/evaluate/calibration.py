"""What a classifier's probabilities mean: how often it was so where it gave that probability."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mitsgan.evaluate.statistics import RateRow, auc, rate

BINS = 10


@dataclass(frozen=True)
class CalibrationBin:
    """Items to which about the same probability was given.

    Attributes:
        low, high: ends of the bin; the last one holds 1 as well.
        probability: the mean that was given; None where the bin is empty.
        positives: how many of them were what the probability is of.
    """

    low: float
    high: float
    probability: float | None
    positives: RateRow


@dataclass(frozen=True)
class Calibration:
    """Probabilities held against what was there.

    Attributes:
        bins: the reliability diagram.
        expected_error: distance of a bin's mean probability from its part of positives, mean over
            items (expected calibration error).
        brier: mean squared distance of the probability from what was there, 1 or 0.
        auc: how often a positive has a higher probability than a negative.
    """

    bins: tuple[CalibrationBin, ...]
    expected_error: float
    brier: float
    auc: float


def calibrate(positives: Sequence[float], negatives: Sequence[float]) -> Calibration:
    """Hold probabilities of positives and of negatives against what they were.

    It holds for the mixture that was given: with other parts of either, probabilities mean
    something else.

    Raises:
        ValueError: there are none of either.

    Source: Guo et al., On calibration of modern neural networks, ICML 2017, section 2.
    """
    area = auc(positives, negatives)
    probability = np.array([*positives, *negatives], np.float64)
    truth = np.repeat([1.0, 0.0], [len(positives), len(negatives)])
    number = np.minimum((probability * BINS).astype(int), BINS - 1)
    bins, error = [], 0.0
    for i in range(BINS):
        chosen = number == i
        n = int(chosen.sum())
        mean = float(probability[chosen].mean()) if n else None
        there = rate(int(truth[chosen].sum()), n)
        bins.append(CalibrationBin(i / BINS, (i + 1) / BINS, mean, there))
        if mean is not None and there.rate is not None:
            error += n / len(truth) * abs(mean - there.rate)
    return Calibration(tuple(bins), error, float(np.mean((probability - truth) ** 2)), area)
