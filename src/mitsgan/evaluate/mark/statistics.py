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


def dice(found: NDArray[np.bool_], true: NDArray[np.bool_]) -> float:
    """Overlap of two masks, twice the common over the sum; 1 where both are empty."""
    total = int(np.count_nonzero(found)) + int(np.count_nonzero(true))
    return 2 * int(np.count_nonzero(found & true)) / total if total else 1.0


@dataclass(frozen=True)
class Rate:
    """How often something happened, with its 95 % interval (Wilson's)."""

    count: int
    n: int

    def summary(self) -> dict[str, object]:
        """For results; rates from 0 to 1, none where nothing was tried."""
        if not self.n:
            return {"count": 0, "n": 0}
        from scipy.stats import binomtest

        ends = binomtest(self.count, self.n).proportion_ci(0.95, method="wilson")
        return {
            "count": self.count,
            "n": self.n,
            "rate": self.count / self.n,
            "interval_95": [float(ends.low), float(ends.high)],
        }


def spread(values: Sequence[float]) -> dict[str, float]:
    """Mean, median and extremes, for results."""
    held = np.asarray(values, np.float64)
    return {
        "mean": float(held.mean()),
        "median": float(np.median(held)),
        "lowest": float(held.min()),
        "highest": float(held.max()),
    }
