"""How far a statistic of a few positions may be trusted: percentile bootstrap intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

LEVEL = 0.95


@dataclass(frozen=True)
class Interval:
    """A statistic, and the ends of its 95 % interval.

    Attributes:
        value: of the sample itself.
        low, high: equal to it where the sample has one item.
        n: items in the sample.
    """

    value: float
    low: float
    high: float
    n: int


def median_interval(values: Sequence[float], *, resamples: int = 2000, seed: int = 0) -> Interval:
    """The median of values with its interval."""
    return interval([values], np.median, resamples, seed)


def ratio_interval(
    above: Sequence[float], below: Sequence[float], *, resamples: int = 2000, seed: int = 0
) -> Interval:
    """The median of ``above`` over the median of ``below``, measured at the same places.

    Places are drawn in pairs, since what is hard to disrupt is so for both.
    """

    def ratio(over: Array, under: Array, axis: int = -1) -> Array:
        return np.asarray(np.median(over, axis) / np.maximum(np.median(under, axis), 1e-9))

    return interval([above, below], ratio, resamples, seed)


def interval(
    samples: Sequence[Sequence[float]], statistic: Callable[..., Any], resamples: int, seed: int
) -> Interval:
    """The percentile interval of a statistic of paired samples, by SciPy.

    Args:
        samples: of one length; items of the same number belong together and are drawn together.
        statistic: of as many arrays, over an ``axis``.
        resamples: how often to draw.
        seed: same seed, same interval.

    Raises:
        ValueError: the samples are empty or differ in length.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.
    """
    from scipy.stats import bootstrap

    arrays = [np.asarray(sample, np.float64) for sample in samples]
    n = len(arrays[0])
    if n == 0 or any(len(array) != n for array in arrays):
        raise ValueError(f"samples of one length are needed, found {[len(a) for a in arrays]}")
    value = float(statistic(*arrays, axis=-1))
    if n == 1:
        return Interval(value, value, value, n)
    ends = bootstrap(
        arrays,
        statistic,
        n_resamples=resamples,
        confidence_level=LEVEL,
        method="percentile",
        paired=True,
        vectorized=True,
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return Interval(value, float(ends.low), float(ends.high), n)
