"""How unevenly the mark survived where nobody touched it, measured on the scan under test."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from mitsgan.mark.find.expected import Evidence
from mitsgan.mark.sliding import tiles
from mitsgan.mark.windows import Window

BODY_SHARE = 0.125
"""Of a window that must be body: a sum of few blocks is no normal variable."""

_TAILS = (0.84, 0.95, 0.99)
"""Of the windows that lie side by side, so many lie below the middle one by no more than 1, 1.6 and
2.3 standard deviations; more than noise explains is unevenness."""

_NORMAL = [NormalDist().inv_cdf(share) for share in _TAILS]
_ROUNDS = 12
_CLEAR = 16.0
_TOO_FEW = 20
"""Windows side by side that must be clear: of fewer, nothing is known about unevenness."""

_HOPELESS = 1.0
_MOST_LOST = 0.5
"""Where more of the body seems to be lost, it is wear rather than paint."""


def unevenness(evidence: Evidence, looked: NDArray[np.bool_], side: Window) -> float:
    """How unevenly the mark survived, by the lower tail of windows of one size, side by side.

    Windows that touch what was clearly lost do not count, unless that is most of the body.

    Args:
        evidence: of the whole scan.
        looked: which blocks count.
        side: of the windows.

    Returns:
        A standard deviation, as a share of what is expected; 1 where windows are too few to tell.
    """
    sums = (evidence.products, evidence.variances, evidence.expected)
    # Beyond the body, all of them are 0 anyhow.
    where = None if looked is evidence.body else looked
    t, v, m = (tiles(part, side, where) for part in sums)
    body = tiles(looked, side)
    clear = (m > _CLEAR) & (body >= BODY_SHARE * np.prod(side))
    if evidence.lost.any():
        lost = tiles(evidence.lost, side, looked)
        if lost.sum() < _MOST_LOST * body.sum():
            clear &= lost == 0
    if np.count_nonzero(clear) < _TOO_FEW:
        return _HOPELESS
    expected = m[clear].astype(np.float64)
    short = (expected - t[clear]) / np.sqrt(np.maximum(v[clear], expected))
    low, high = 0.0, _HOPELESS
    for _ in range(_ROUNDS):
        tried = (low + high) / 2
        middle, *seen = np.quantile(short / np.sqrt(1 + tried**2 * expected), (0.5, *_TAILS))
        low, high = (low, tried) if (seen - middle <= _NORMAL).all() else (tried, high)
    return high
