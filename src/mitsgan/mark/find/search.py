"""Windows of all sizes, slid over a scan: which of them lost the mark, and which would show it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mitsgan.mark.find.expected import Evidence
from mitsgan.mark.find.hidden.steps import Steps
from mitsgan.mark.find.noise import Cells, Mask
from mitsgan.mark.find.settings import Detector
from mitsgan.mark.find.wear.unevenness import unevenness
from mitsgan.mark.sliding import SLAB, Slider, covered
from mitsgan.mark.windows import DENSE_SIZES, SIZES_MM, Window, threshold, window
from mitsgan.slabs import slab_by_slab


@dataclass(frozen=True)
class Search:
    """Which blocks lost the mark, and which could be told.

    Attributes:
        flagged: repainted.
        testable: if repainted, they would be flagged, with 97 % certainty or more.
        probability: that a block was repainted; 0 where no window raised the alarm.
        score: around a flagged block, the largest shortfall of the windows that raised the alarm,
            in standard deviations: never below the threshold.
    """

    flagged: Mask
    testable: Mask
    probability: Cells
    score: Cells


def search(
    evidence: Evidence,
    spacing: tuple[float, float, float],
    false_alarms: float,
    settings: Detector,
) -> Search:
    """Slide windows of all sizes over a scan.

    Args:
        evidence: of the whole scan.
        spacing: of voxels, mm ``[z, y, x]``.
        false_alarms: the rate per scan.
        settings: of the detector.
    """
    tests = _tests(evidence, spacing, settings)
    steps = Steps.of(evidence, spacing, settings)
    windows = steps.windows + sum(int(np.count_nonzero(test.where)) for test in tests)
    least = threshold(false_alarms, windows)
    looking = _Search(evidence, tests, spacing, least, settings)
    alarm = any(list(slab_by_slab(looking.look, len(evidence.body), SLAB)))
    testable = np.zeros(evidence.body.shape, np.bool_)
    for test in tests:
        if not test.dense:
            testable |= covered(test.certain, test.side)
    apart = steps.shortfall(least)
    if not alarm and apart is None:
        nothing = np.zeros(testable.shape, np.float32)
        return Search(np.zeros_like(testable), testable, nothing, nothing)
    list(slab_by_slab(looking.look_closely, len(evidence.body), SLAB))
    return looking.outlined(testable, apart)


@dataclass(frozen=True)
class _Test:
    """One size of window, and what was found with it.

    Attributes:
        where: which blocks count.
        dense: whether those are of dense tissue alone.
        side: of the window, in blocks.
        uneven: how unevenly the mark survived in windows of this size.
        shortfall: of the window around each block, where it raised the alarm; else 0.
        certain: windows that would raise it if they were repainted; of all tissue only.
    """

    where: Mask
    dense: bool
    side: Window
    uneven: float
    shortfall: Cells
    certain: Mask


def _tests(
    evidence: Evidence, spacing: tuple[float, float, float], settings: Detector
) -> list[_Test]:
    """All tissue in every size; dense tissue, in which no lung dilutes a nodule, in the smaller."""
    sides = [window(mm, spacing) for mm in SIZES_MM]
    shape = evidence.body.shape
    least = max(evidence.dispersion, settings.granted(evidence.survived_hu))
    return [
        _Test(
            where=where,
            dense=dense,
            side=side,
            uneven=max(unevenness(evidence, where, side, settings), least),
            shortfall=np.zeros(shape, np.float32),
            certain=np.empty(() if dense else shape, np.bool_),
        )
        for where, dense, some in (
            (evidence.body, False, sides),
            (evidence.dense, True, sides[:DENSE_SIZES]),
        )
        for side in some
    ]


class _Search:
    """Goes over a scan slab by slab.

    Args:
        evidence: of the whole scan.
        tests: to make.
        spacing: of voxels, mm.
        least: the z-score that no untouched window falls short by.
        settings: of the detector.
    """

    def __init__(
        self,
        evidence: Evidence,
        tests: Sequence[_Test],
        spacing: tuple[float, float, float],
        least: float,
        settings: Detector,
    ) -> None:
        shape = evidence.body.shape
        self._evidence, self._tests, self._settings = evidence, tests, settings
        self._least = least
        self._body = evidence.body.astype(np.float32)
        self._fine = window(settings.fine_mm, spacing)
        self._low = np.empty(shape, np.bool_)
        self._within = (slice(None), slice(shape[1]), slice(shape[2]))
        self._slider = Slider(np.float32, 3)
        self._probability = np.empty(shape, np.float32)

    def look(self, start: int, stop: int) -> bool:
        """Make all tests of slices ``start:stop``; whether one raised the alarm."""
        alarms = [self._test(test, start, stop) for test in self._tests]  # all, not the first
        return any(alarms)

    def _test(self, test: _Test, start: int, stop: int) -> bool:
        slider, evidence, within = self._slider, self._evidence, self._within
        where = test.where if test.dense else None
        total = slider.sums(evidence.products, test.side, start, stop, 0, where)
        mean = slider.sums(evidence.expected, test.side, start, stop, 1, where)
        suspect = self._suspect(test, total, mean, slider)
        lacking = bool(suspect[within].any())
        if test.dense and not lacking:
            return False  # nothing but an alarm is asked of them
        variance = slider.sums(evidence.variances, test.side, start, stop, 2, where)
        if not test.dense:
            power = np.square(mean, out=slider.space(0, mean))
            certain = self._least + self._settings.certain_score
            power *= np.float32(certain**-2 - test.uneven**2)
            most = np.maximum(variance, mean, out=slider.space(1, mean))
            test.certain[start:stop] = (power > most)[within]
        if not lacking:
            return False
        at = np.nonzero(suspect[within])
        spread = deviation(variance[at], mean[at], test.uneven)
        short = (mean[at] - total[at]) / spread
        least = self._least
        short *= (short > least) & (mean[at] > np.float32(least) * spread)
        if not test.dense and short.any():
            filled = slider.sums(self._body, test.side, start, stop, 2)
            share = np.float32(self._settings.body_share * np.prod(test.side))
            short *= filled[at] >= share
        test.shortfall[start:stop][at] = short
        return bool(short.any())

    def _suspect(self, test: _Test, total: Cells, mean: Cells, slider: Slider) -> NDArray[np.bool_]:
        """Windows that may raise the alarm, by what takes no time to tell: most scans have none."""
        least, kept = self._least, np.float32(self._settings.kept_share)
        suspect: Mask = total < np.multiply(mean, kept, out=slider.space(0, mean))
        suspect &= mean > np.float32(least**2)
        # Squared, for roots of everything take long; no variance is less than the mean.
        if suspect.any():
            power = np.square(mean, out=slider.space(0, mean))
            gap = np.subtract(mean, total, out=slider.space(1, mean))
            gap *= gap
            gap *= np.float32(least**-2)
            gap -= mean
            power *= np.float32(test.uneven**2)
            suspect &= gap > power
        return suspect

    def look_closely(self, start: int, stop: int) -> None:
        """The small cubes by which what was repainted is outlined, and the map is drawn."""
        slider, evidence = self._slider, self._evidence
        total, mean, variance = (
            slider.sums(part, self._fine, start, stop, number)
            for number, part in enumerate(
                (evidence.products, evidence.expected, evidence.variances)
            )
        )
        share = np.float32(self._settings.outline_share)
        space = np.multiply(mean, share, out=slider.space(0, mean))
        self._low[start:stop] = (total < space)[self._within]
        posterior = _probability(
            total, variance, mean, evidence.dispersion, self._settings.prior, space
        )
        self._probability[start:stop] = posterior[self._within]

    def outlined(self, testable: Mask, apart: Cells | None) -> Search:
        """What windows that raised the alarm say; `look_closely` has been everywhere.

        Args:
            testable: see `Search`.
            apart: what windows of every second or third slice fall short by, around each block.
        """
        shape = self._low.shape
        flagged, near = np.zeros(shape, np.bool_), np.zeros(shape, np.bool_)
        score = np.zeros(shape, np.float32)
        for dense, inside in ((False, self._evidence.body), (True, self._evidence.dense)):
            part = np.zeros(shape, np.float32) if dense or apart is None else apart.copy()
            for test in self._tests:
                if test.dense == dense:
                    np.maximum(part, covered(test.shortfall, test.side), out=part)
            if part.any():
                around = covered(part > 0, self._fine) & inside
                flagged |= self._outline(part > 0, around, inside)
                near |= around
                np.maximum(score, part, out=score)
        self._probability *= near
        # The outline may reach a little beyond the windows that it is drawn around.
        return Search(flagged, testable, self._probability, covered(score, self._fine))

    def _outline(self, lost: Mask, around: Mask, inside: Mask) -> Mask:
        """In and just around windows that lost the mark, the blocks around which little is left."""
        outline: Mask = around & self._low
        everything: Mask = lost & inside
        return outline if outline.any() else everything


def deviation(variance: Cells, mean: Cells, uneven: float) -> Cells:
    """Standard deviation of a window's sum where nobody painted.

    By the choice of weights, the products' variance and mean are about equal there; less variance
    is that of smooth paint, and no certainty. The mark's own strength varies from place to place.
    """
    total = np.maximum(variance, np.maximum(mean, np.float32(1e-6)))
    total += np.square(np.float32(uneven) * mean)
    return np.asarray(np.sqrt(total, out=total), np.float32)


def _probability(
    total: Cells, variance: Cells, mean: Cells, dispersion: float, prior: float, space: Cells
) -> Cells:
    """Posterior that the middle of a small window was repainted, from its sums alone.

    Repainted, the sum is N(0, variance); left alone, it is N(mean, variance), and the mark's
    strength varies. Computed in the arrays that are given.
    """
    np.maximum(variance, np.float32(1e-6), out=variance)
    wide = np.multiply(mean, np.float32(dispersion), out=space)
    np.square(wide, out=wide)
    wide += variance
    more = total > mean
    ratio = np.subtract(total, mean, out=mean)
    np.square(ratio, out=ratio)
    ratio /= wide
    np.square(total, out=total)
    total /= variance
    ratio -= total
    wide /= variance
    ratio += np.log(wide, out=wide)
    ratio *= np.float32(0.5)
    ratio += np.float32(np.log(prior / (1 - prior)))
    # More of the mark than expected is no sign of paint.
    ratio -= np.multiply(more, np.float32(1e3), out=space)
    np.clip(ratio, -20, 20, out=ratio)
    np.exp(np.negative(ratio, out=ratio), out=ratio)
    ratio += 1
    return np.reciprocal(ratio, out=ratio)
