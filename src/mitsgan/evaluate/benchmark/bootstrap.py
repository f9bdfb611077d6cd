"""How far a statistic of a few positions may be trusted: percentile bootstrap intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

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
    return bootstrap([values], lambda sample: np.median(sample[0], -1), resamples, seed)


def ratio_interval(
    above: Sequence[float], below: Sequence[float], *, resamples: int = 2000, seed: int = 0
) -> Interval:
    """The median of ``above`` over the median of ``below``, measured at the same places.

    Places are drawn in pairs, since what is hard to disrupt is so for both.
    """

    def ratio(sample: list[Array]) -> Array:
        over, under = (np.median(part, -1) for part in sample)
        return np.asarray(over / np.maximum(under, 1e-9))

    return bootstrap([above, below], ratio, resamples, seed)


def bootstrap(
    samples: Sequence[Sequence[float]],
    statistic: Callable[[list[Array]], Array],
    resamples: int,
    seed: int,
) -> Interval:
    """The percentile interval of a statistic of paired samples.

    Args:
        samples: of one length; items of the same number belong together and are drawn together.
        statistic: of arrays ``[..., n]``, over the last axis.
        resamples: how often to draw.
        seed: same seed, same interval.

    Raises:
        ValueError: the samples are empty or differ in length.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.
    """
    arrays = [np.asarray(sample, np.float64) for sample in samples]
    n = len(arrays[0])
    if n == 0 or any(len(array) != n for array in arrays):
        raise ValueError(f"samples of one length are needed, found {[len(a) for a in arrays]}")
    drawn = np.random.default_rng(seed).integers(0, n, (resamples, n))
    spread = statistic([array[drawn] for array in arrays])
    tail = 50 * (1 - LEVEL)
    low, high = np.percentile(spread, [tail, 100 - tail])
    return Interval(float(statistic(arrays)), float(low), float(high), n)
