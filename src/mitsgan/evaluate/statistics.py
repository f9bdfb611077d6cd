"""Figures for a detector: how well it tells two groups apart, how well it locates, how often."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


def auc(tampered: Sequence[float], untouched: Sequence[float]) -> float:
    """Area under the ROC curve: how often a tampered score exceeds an untouched one.

    Ties count half; this is the Mann-Whitney statistic over the number of pairs.

    Raises:
        ValueError: a group is empty.
    """
    if not len(tampered) or not len(untouched):
        raise ValueError("an AUC needs scores of both groups")
    higher = np.asarray(tampered, np.float64)[:, None] - np.asarray(untouched, np.float64)
    return float(np.mean((np.sign(higher) + 1) / 2))


def dice(flagged: NDArray[np.bool_], true: NDArray[np.bool_]) -> float:
    """Overlap of two masks, twice the common over the sum; 1 where both are empty."""
    total = int(np.count_nonzero(flagged)) + int(np.count_nonzero(true))
    return 2 * int(np.count_nonzero(flagged & true)) / total if total else 1.0


@dataclass(frozen=True)
class RateRow:
    """How often something happened: rate from 0 to 1, and its 95 % interval (Wilson's).

    Neither is known where nothing was tried.
    """

    count: int
    n: int
    rate: float | None = None
    interval_95: tuple[float, float] | None = None


def rate(count: int, n: int) -> RateRow:
    """``count`` of ``n`` with its interval, by SciPy."""
    from scipy.stats import binomtest

    if not n:
        return RateRow(0, 0)
    ends = binomtest(count, n).proportion_ci(0.95, method="wilson")
    return RateRow(count, n, count / n, (float(ends.low), float(ends.high)))


@dataclass(frozen=True)
class Spread:
    """Mean, median and extremes."""

    mean: float
    median: float
    lowest: float
    highest: float


def spread(values: Sequence[float]) -> Spread:
    """Mean, median and extremes of one or more values."""
    numbers = np.asarray(values, np.float64)
    return Spread(
        mean=float(numbers.mean()),
        median=float(np.median(numbers)),
        lowest=float(numbers.min()),
        highest=float(numbers.max()),
    )
