"""From windows that lost the mark to boxes: which blocks were repainted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mitsgan.mark.find.detection import Index, Region, region
from mitsgan.mark.find.expected import Evidence
from mitsgan.mark.find.unevenness import BODY_SHARE, unevenness
from mitsgan.mark.sliding import SLAB, Slider, covered
from mitsgan.mark.windows import BLOCK, DENSE_SIZES, SIZES_MM, Window, threshold, window
from mitsgan.scan.scan import Scan
from mitsgan.slabs import in_slabs, per_thread

Mask = NDArray[np.bool_]

_FINE_MM = 8.0
_PRIOR = 1e-3
"""How many blocks are repainted in a scan that nothing else is known about."""

_LEFT = 0.6
"""A window with more than this share of its mark was not repainted."""

_LEAST_UNEVEN = 0.05
"""How unevenly the mark is taken to have survived at least."""

_POWER = 2.0
_ENOUGH = 0.1


@dataclass(frozen=True)
class Search:
    """Which blocks lost the mark, and which could be told.

    Attributes:
        flagged: repainted.
        testable: if repainted, they would be flagged, with 97 % certainty or more.
        probability: that a block was repainted.
        score: around a flagged block, the largest shortfall of the windows that raised the alarm,
            in standard deviations: never below the threshold.
    """

    flagged: Mask
    testable: Mask
    probability: NDArray[np.float32]
    score: NDArray[np.float32]


def search(evidence: Evidence, spacing: tuple[float, float, float], false_alarms: float) -> Search:
    """Slide windows of all sizes over a scan.

    Args:
        evidence: of the whole scan.
        spacing: of voxels, mm ``[z, y, x]``.
        false_alarms: the rate per scan.
    """
    shape = evidence.body.shape
    sides = [window(mm, spacing) for mm in SIZES_MM]
    # Of dense tissue alone: nothing of the lung around an injected nodule dilutes it.
    tests = [(evidence.body, side) for side in sides]
    tests += [(evidence.dense, side) for side in sides[:DENSE_SIZES]]
    windows = sum(int(np.count_nonzero(looked)) for looked, _ in tests)
    least = threshold(false_alarms, windows)
    floor = max(evidence.dispersion, _LEAST_UNEVEN)
    uneven = [max(unevenness(evidence, looked, side), floor) for looked, side in tests]
    body = evidence.body.astype(np.float32)
    shortfalls = [np.zeros(shape, np.float32) for _ in tests]
    certain = [np.empty(shape, np.bool_) for _ in sides]
    probability, low = np.empty(shape, np.float32), np.empty(shape, np.bool_)
    fine = window(_FINE_MM, spacing)

    own = per_thread(lambda: Slider(np.float32, 3))

    def slab(start: int, stop: int) -> bool:
        lost, slider = False, own()
        within = (slice(None), slice(shape[1]), slice(shape[2]))
        for number, ((looked, side), shortfall) in enumerate(zip(tests, shortfalls, strict=True)):
            where = looked if number >= len(sides) else None
            total = slider.sums(evidence.products, side, start, stop, 0, where)
            mean = slider.sums(evidence.expected, side, start, stop, 1, where)
            found = total < np.multiply(mean, np.float32(_LEFT), out=slider.space(0, mean))
            found &= mean > np.float32(least**2)
            # Squared, for roots of everything take long; no variance is less than the mean.
            if found.any():
                power = np.square(mean, out=slider.space(0, mean))
                gap = np.subtract(mean, total, out=slider.space(1, mean))
                gap *= gap
                gap *= np.float32(least**-2)
                gap -= mean
                power *= np.float32(uneven[number] ** 2)
                found &= gap > power
            lacking = bool(found[within].any())
            if number >= len(sides) and not lacking:
                continue
            variance = slider.sums(evidence.variances, side, start, stop, 2, where)
            if number < len(sides):
                power = np.square(mean, out=slider.space(0, mean))
                power *= np.float32((least + _POWER) ** -2 - uneven[number] ** 2)
                most = np.maximum(variance, mean, out=slider.space(1, mean))
                certain[number][start:stop] = (power > most)[within]
            if not lacking:
                continue
            at = np.nonzero(found[within])
            spread = deviation(variance[at], mean[at], uneven[number])
            short = (mean[at] - total[at]) / spread
            short *= (short > least) & (mean[at] > np.float32(least) * spread)
            if number < len(sides) and short.any():
                filled = slider.sums(body, side, start, stop, 2)
                short *= filled[at] >= np.float32(BODY_SHARE * np.prod(side))
            shortfall[start:stop][at] = short
            lost = lost or bool(short.any())
        total = slider.sums(evidence.products, fine, start, stop, 0)
        mean = slider.sums(evidence.expected, fine, start, stop, 1)
        variance = slider.sums(evidence.variances, fine, start, stop, 2)
        space = np.multiply(mean, np.float32(0.5), out=slider.space(0, mean))
        low[start:stop] = (total < space)[within]
        probability[start:stop] = _probability(total, variance, mean, evidence.dispersion, space)[
            within
        ]
        return lost

    alarm = any(list(in_slabs(slab, shape[0], SLAB)))
    testable = np.zeros(shape, np.bool_)
    for sure, side in zip(certain, sides, strict=True):
        testable |= covered(sure, side)
    flagged, score = np.zeros(shape, np.bool_), np.zeros(shape, np.float32)
    if alarm:
        for inside in (evidence.body, evidence.dense):
            part = np.zeros(shape, np.float32)
            for (looked, side), shortfall in zip(tests, shortfalls, strict=True):
                if looked is inside:
                    np.maximum(part, covered(shortfall, side), out=part)
            if part.any():
                flagged |= _outline(part > 0, low, inside, fine)
                np.maximum(score, part, out=score)
        # The outline may reach a little beyond the windows that it is drawn around.
        score = covered(score, fine)
    return Search(flagged, testable, probability, score)


def deviation(
    variance: NDArray[np.float32], mean: NDArray[np.float32], uneven: float
) -> NDArray[np.float32]:
    """Standard deviation of a window's sum where nobody painted.

    By the choice of weights, the products' variance and mean are about equal there; less variance
    is that of smooth paint, and no certainty. The mark's own strength varies from place to place.
    """
    total = np.maximum(variance, np.maximum(mean, np.float32(1e-6)))
    total += np.square(np.float32(uneven) * mean)
    return np.asarray(np.sqrt(total, out=total), np.float32)


def _outline(lost: Mask, low: Mask, body: Mask, fine: Window) -> Mask:
    """Inside and just around the windows found, the blocks whose own neighbourhood is low."""
    outline = covered(lost, fine) & low & body
    return outline if outline.any() else lost & body


def _probability(
    total: NDArray[np.float32],
    variance: NDArray[np.float32],
    mean: NDArray[np.float32],
    dispersion: float,
    space: NDArray[np.float32],
) -> NDArray[np.float32]:
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
    ratio += np.float32(np.log(_PRIOR / (1 - _PRIOR)))
    # More of the mark than expected is no sign of paint.
    ratio -= np.multiply(more, np.float32(1e3), out=space)
    np.clip(ratio, -20, 20, out=ratio)
    np.exp(np.negative(ratio, out=ratio), out=ratio)
    ratio += 1
    return np.reciprocal(ratio, out=ratio)


def find_regions(
    found: Search, scan: Scan, offset: tuple[int, int]
) -> tuple[tuple[Region, ...], Mask]:
    """Connected regions of flagged blocks, worst first, and the mask without crumbs.

    Args:
        found: the search.
        scan: for the geometry.
        offset: first row and column of the blocks searched, in voxels.
    """
    regions: list[Region] = []
    kept = np.zeros_like(found.flagged)
    if not found.flagged.any():
        return (), kept
    labels, count = label(found.flagged)
    sizes = np.bincount(labels[found.flagged], minlength=count + 1)
    largest = sizes[1:].max() if count else 0
    for number in range(1, count + 1):
        if sizes[number] < max(_ENOUGH * min(largest, 200), 2):
            continue
        mask = labels == number
        kept |= mask
        where = np.nonzero(mask)
        low, high = [int(w.min()) for w in where], [int(w.max()) + 1 for w in where]
        start: Index = (low[0], low[1] * BLOCK + offset[0], low[2] * BLOCK + offset[1])
        stop: Index = (
            high[0],
            min(high[1] * BLOCK + offset[0], scan.shape[1]),
            min(high[2] * BLOCK + offset[1], scan.shape[2]),
        )
        score = float(found.score[mask].max())
        voxels = int(sizes[number]) * BLOCK * BLOCK
        regions.append(region(scan.geometry, start, stop, score, voxels))
    return tuple(sorted(regions, key=lambda r: -r.score)), kept


def label(mask: Mask) -> tuple[NDArray[np.int32], int]:
    """Number the regions of a mask that touch by their faces: labels from 1, and how many."""
    labels = np.zeros(mask.shape, np.int32)
    where = np.argwhere(mask)
    if not len(where):
        return labels, 0
    low, high = where.min(0), where.max(0) + 1
    inside = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    part = mask[inside]
    name = np.where(part, np.arange(1, part.size + 1).reshape(part.shape), 0)
    while True:  # the largest name of a region spreads over all of it
        before = name.copy()
        for axis in range(3):
            for step in (1, -1):
                _flow(name, part, axis, step)
        if np.array_equal(before, name):
            break
    names, flat = np.unique(name, return_inverse=True)
    numbers = flat.reshape(part.shape)
    if names[0] != 0:
        numbers = numbers + 1
    labels[inside] = numbers
    return labels, int(numbers.max())


def _flow(name: NDArray[np.int64], part: Mask, axis: int, step: int) -> None:
    """Carry names along one axis, all the way, in place."""
    names, parts = np.moveaxis(name, axis, 0), np.moveaxis(part, axis, 0)
    order = range(1, len(names)) if step > 0 else range(len(names) - 2, -1, -1)
    for k in order:
        np.maximum(names[k], names[k - step], out=names[k], where=parts[k])
