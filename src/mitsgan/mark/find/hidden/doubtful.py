"""Places that are somewhat louder than what is around, and do not carry the mark as it was made.

Grain that is five times as loud as that around shows by itself (`mitsgan.mark.find.grain`), and
where the mark falls short by six standard deviations it shows whatever the grain is. Between them
lies paint of a few millimetres whose grain is twice as loud: too little noise for the one, too much
for the other. But few places of a scan that nobody touched are as loud as that, and of so few none
falls short of the mark by four standard deviations. Nor does any exceed it: there, what is shown
was amplified together with its mark.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mitsgan.mark.find.expected import Evidence
from mitsgan.mark.find.noise import Cells, Mask
from mitsgan.mark.find.settings import Detector
from mitsgan.mark.find.wear.unevenness import unevenness
from mitsgan.mark.sliding import covered
from mitsgan.mark.windows import Window, threshold

_AT_ONCE = 1024
"""Windows whose blocks are gathered together."""


@dataclass(frozen=True)
class Louder:
    """Windows of one size that are louder than what is around by one of a few factors.

    Attributes:
        centres: of the windows.
        side: of a window, in blocks.
    """

    centres: Mask
    side: Window


def doubtful_places(
    louder: Sequence[Louder], evidence: Evidence, false_alarms: float, settings: Detector
) -> Mask:
    """Blocks of such windows whose mark falls short, or is more than was made.

    Args:
        louder: windows of all sizes and factors.
        evidence: of the whole scan.
        false_alarms: how often an untouched scan may have such a place.
        settings: of the detector.
    """
    places = np.zeros_like(evidence.body)
    most = settings.doubtful_share * np.count_nonzero(evidence.body)
    granted = max(evidence.dispersion, settings.granted(evidence.survived_hu))
    for windows in louder:
        where = np.flatnonzero(windows.centres)
        if not 0 < len(where) <= most:
            continue  # so many are how the scan is
        centres = np.stack(np.unravel_index(where, places.shape), axis=1)
        # Short of the mark, or beyond it: each of all windows is looked at twice.
        least = threshold(false_alarms / (2 * len(louder)), len(centres))
        total, variance, mean = window_sums(evidence.sums, centres, windows.side)
        odd = _odd(total, variance, mean, granted, least, settings)
        if odd.any():
            # Only now, as it takes time: how uneven the mark is in windows of this size.
            uneven = unevenness(evidence, evidence.body, windows.side, settings)
            odd &= _odd(total, variance, mean, max(uneven, granted), least, settings)
        if odd.any():
            chosen = np.zeros_like(places)
            chosen[tuple(centres[odd].T)] = True
            places |= covered(chosen, windows.side)
    return places


def _odd(
    total: NDArray[np.float32],
    variance: NDArray[np.float32],
    mean: NDArray[np.float32],
    uneven: float,
    least: float,
    settings: Detector,
) -> NDArray[np.bool_]:
    """Which windows have far less of the mark than expected, or far more."""
    spread = np.sqrt(np.maximum(variance, mean) + np.square(np.float32(uneven) * mean))
    short = mean - total
    kept = np.float32(settings.kept_share)
    lacking = (short > least * spread) & (total < kept * mean)
    exceeding = (short < -least * spread) & (kept * total > mean)
    return np.asarray(lacking | exceeding)


def window_sums(
    values: Sequence[Cells | Mask], centres: NDArray[np.int64], side: Window
) -> list[NDArray[np.float32]]:
    """`mitsgan.mark.sliding.sliding_sums` of a few windows only; where one would reach beyond an
    end of the scan, of the last that does not.

    Args:
        values: arrays to add up, ``[z, y, x]``.
        centres: ``[n, 3]``.
        side: of the windows, in blocks.
    """
    shape = np.array(values[0].shape)
    sides = np.minimum(side, shape)
    first = np.clip(centres - sides // 2, 0, shape - sides)
    corners = np.ravel_multi_index(tuple(first.T), values[0].shape)
    steps = np.ravel_multi_index(tuple(np.indices(sides).reshape(3, -1)), values[0].shape)
    totals = [np.empty(len(centres), np.float32) for _ in values]
    for start in range(0, len(centres), _AT_ONCE):
        some = slice(start, start + _AT_ONCE)
        at = corners[some, None] + steps
        for part, total in zip(values, totals, strict=True):
            total[some] = part.ravel()[at].sum(axis=1)
    return totals
