"""How unevenly the mark survived where nobody touched it, measured on the scan under test."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

from mitsgan.mark.find.expected import HOPELESS, Evidence
from mitsgan.mark.find.noise import Mask
from mitsgan.mark.find.settings import Detector
from mitsgan.mark.sliding import tiles
from mitsgan.mark.windows import Window

_HALVINGS = 12
"""Of the range from 0 to 1: more than unevenness is ever known to."""


def unevenness(evidence: Evidence, where: Mask, side: Window, settings: Detector) -> float:
    """How unevenly the mark survived, by the lower tail of windows of one size, side by side.

    Windows that touch what was clearly lost do not count, unless that is most of the body.

    Args:
        evidence: of the whole scan.
        where: which blocks count.
        side: of the windows.
        settings: of the detector.

    Returns:
        A standard deviation, as a share of what is expected; 1 where windows are too few to tell.
    """
    # Beyond the body, all sums are 0 anyhow.
    counted = None if where is evidence.body else where
    t, v, m = (tiles(part, side, counted) for part in evidence.sums)
    body = tiles(where, side)
    clear = (m > settings.uneven_clear) & (body >= settings.body_share * np.prod(side))
    if evidence.lost.any():
        lost = tiles(evidence.lost, side, where)
        if lost.sum() < settings.uneven_lost * body.sum():
            clear &= lost == 0
    if np.count_nonzero(clear) < settings.uneven_windows:
        return HOPELESS
    expected = m[clear].astype(np.float64)
    short = (expected - t[clear]) / np.sqrt(np.maximum(v[clear], expected))
    normal = [NormalDist().inv_cdf(share) for share in settings.tails]
    low, high = 0.0, HOPELESS
    for _ in range(_HALVINGS):
        tried = (low + high) / 2
        scaled = short / np.sqrt(1 + tried**2 * expected)
        middle, *tails = np.quantile(scaled, (0.5, *settings.tails))
        low, high = (low, tried) if (tails - middle <= normal).all() else (tried, high)
    return high
