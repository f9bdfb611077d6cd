"""Is the mark still there, and where not: a blind matched filter with a known null."""

from __future__ import annotations

from collections.abc import Callable

from mitsgan.mark.find.detection import Detection
from mitsgan.mark.find.judge import FALSE_ALARMS, judge
from mitsgan.mark.find.measure import measure
from mitsgan.mark.find.settings import Detector
from mitsgan.mark.keys import Key
from mitsgan.mark.pattern import series_key, slice_positions
from mitsgan.scan.scan import Scan


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
    positions = slice_positions(scan.geometry, range(scan.shape[0]))
    measured = measure(scan, series_key(key, identity), positions, settings, progress)
    return judge(scan, positions, measured, false_alarms, settings)
