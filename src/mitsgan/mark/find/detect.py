"""Is the mark still there, and where not: a blind matched filter with a known null."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from mitsgan.mark.find.detection import Detection
from mitsgan.mark.find.judge import FALSE_ALARMS, judge
from mitsgan.mark.find.measure import measure, weighted_residual
from mitsgan.mark.find.reading import Place, agreement
from mitsgan.mark.find.residual import Whitening, blocks_of_body, estimate_whitening
from mitsgan.mark.find.settings import Detector
from mitsgan.mark.keys import Key
from mitsgan.mark.pattern import VERSIONS, Pattern, end_variant, slice_positions
from mitsgan.scan.canonical import canonical
from mitsgan.scan.scan import Scan

_FEW = 3
"""Slices that are looked at to see which version of the pattern they carry."""


def detect(
    scan: Scan,
    key: Key,
    identity: str,
    *,
    false_alarms: float = FALSE_ALARMS,
    settings: Detector | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Detection:
    """Look for the mark of a series in a scan; no original is needed.

    Args:
        scan: under test.
        key: that it was marked with.
        identity: of the series, see `mitsgan.mark.series_identity`.
        false_alarms: how often an untouched scan may be called tampered, per scan.
        settings: of the detector; those that were measured, unless given.
        progress: called with slices done and slices in all.

    Raises:
        IdentityError: positions that no scan has.
    """
    settings = settings or Detector()
    scan = canonical(scan)
    patterns = [Pattern.of(key, identity, scan, version) for version in VERSIONS]
    whitening = estimate_whitening(scan, blocks_of_body(scan))
    likely = _quick_scores(scan, patterns, whitening, settings)
    # The newest first, unless an older one shows; moved slices may show none at a first look.
    for number in sorted(range(len(patterns)), key=lambda k: -max(likely[k], settings.mark_score)):
        measured = measure(scan, patterns[number], settings, progress, whitening)
        if measured.own.any() or measured.matches:
            break
    return judge(scan, measured, false_alarms, settings)


def _quick_scores(
    scan: Scan, patterns: Sequence[Pattern], whitening: Whitening, settings: Detector
) -> list[float]:
    """z-score of each pattern's mark in a few slices spread over the scan."""
    depth = scan.shape[0]
    numbers = sorted({round(z) for z in np.linspace(0, depth - 1, min(depth, _FEW + 2))[1:-1]})
    totals, power = [0.0] * len(patterns), 0.0
    for z, position in zip(numbers, slice_positions(scan.geometry, numbers), strict=True):
        residual, means = weighted_residual(scan, z, whitening)
        place = Place(position, end_variant(z, depth))
        for number, pattern in enumerate(patterns):
            own = agreement(pattern, residual, means, place, settings).own
            totals[number] += float(own.sum())
        power += float(np.square(residual).sum())
    return [total / math.sqrt(max(power, 1e-9)) for total in totals]
