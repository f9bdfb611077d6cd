"""From what was measured to a verdict."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mitsgan.errors import counted
from mitsgan.mark.find.detection import (
    Detection,
    Region,
    SliceFinding,
    SliceState,
    Unlike,
    Verdict,
)
from mitsgan.mark.find.expected import Evidence, weigh
from mitsgan.mark.find.findings import (
    SliceEvidence,
    missing_ends,
    slice_findings,
    untold,
    were_averaged,
)
from mitsgan.mark.find.grain import relative_grain, unlike_places
from mitsgan.mark.find.hidden.doubtful import doubtful_places
from mitsgan.mark.find.hidden.hollow import hollow_places
from mitsgan.mark.find.measure import Measured
from mitsgan.mark.find.noise import Mask
from mitsgan.mark.find.regions import find_regions, label, region_of
from mitsgan.mark.find.search import search
from mitsgan.mark.find.settings import Detector
from mitsgan.mark.windows import BLOCK, SIZES_MM
from mitsgan.scan.scan import Scan

FALSE_ALARMS = 0.01
"""How often an untouched scan may be called tampered, unless told otherwise."""

_AVERAGED = "slices carry the marks of those before and behind them, as where slices were averaged"
_NO_MARK = (
    "no mark of this key and series was found: another key, another series, never marked, or too "
    "much was lost"
)


def judge(
    scan: Scan,
    measured: Measured,
    false_alarms: float = FALSE_ALARMS,
    settings: Detector | None = None,
) -> Detection:
    """What the sums of a scan say.

    Args:
        scan: under test.
        measured: its sums.
        false_alarms: how often an untouched scan may be called tampered, per scan.
        settings: of the detector.
    """
    settings = settings or Detector()
    carrying = measured.own.copy()
    carrying[list(measured.matches)] = True
    evidence = weigh(measured, carrying, scan.spacing, settings)
    sums = SliceEvidence.of(evidence)
    averaged = were_averaged(measured, settings)
    if averaged or sums.score < settings.mark_score or not carrying.any():
        reason = _AVERAGED if averaged else _NO_MARK
        return _unknown(scan, measured, reason, false_alarms)
    searched = search(evidence, scan.spacing, false_alarms, settings)
    body = max(int(np.count_nonzero(evidence.body)), 1)
    verified = float(np.count_nonzero(searched.testable & evidence.body)) / body
    rows, columns = measured.box
    regions, kept = find_regions(searched, scan, (rows.start, columns.start), settings)
    if verified < settings.accusable:
        regions, kept = (), np.zeros_like(kept)
    corner = (rows.start // BLOCK, columns.start // BLOCK)
    inside = (
        slice(None),
        *(slice(first, first + n) for first, n in zip(corner, kept.shape[1:], strict=True)),
    )
    flagged = _no_blocks(scan)
    probability = np.zeros(flagged.shape, np.float32)
    flagged[inside] = kept
    if regions:
        np.multiply(searched.probability, evidence.body, out=probability[inside])
    unlike = _unlike(scan, measured, evidence, kept, false_alarms, settings)
    slices = slice_findings(measured, sums, flagged, settings)
    for finding in slices:
        if finding.state == SliceState.REPLACED:
            probability[inside][finding.number] = evidence.body[finding.number]
    ends = missing_ends(measured, settings)
    verdict, reason = _verdict(regions, slices, ends, unlike, verified, settings)
    return Detection(
        verdict=verdict,
        reason=reason,
        version=measured.version,
        score=sums.score,
        strength_hu=evidence.survived_hu,
        false_alarms=false_alarms,
        verified=verified,
        regions=regions,
        slices=slices,
        missing_ends=ends,
        unlike=unlike,
        map=probability,
        flagged=flagged,
        shape=scan.shape,
        corner=corner,
        sums=evidence.sums,
        dense=evidence.dense,
    )


def _unlike(
    scan: Scan,
    measured: Measured,
    evidence: Evidence,
    flagged: Mask,
    false_alarms: float,
    settings: Detector,
) -> tuple[Unlike, ...]:
    """Places of the body where no mark could show, those apart that were found to be repainted."""
    grain = relative_grain(measured.squares, measured.noise)
    counted = evidence.body & (measured.means < settings.grain_hu)
    louder, smoother, rather = unlike_places(
        grain, measured.noise.around, counted, scan.spacing, settings
    )
    places = louder if evidence.worn > 0 else louder | smoother
    places |= doubtful_places(rather, evidence, false_alarms / 2, settings)
    places |= hollow_places(measured, evidence, scan.spacing, settings)
    if not places.any():
        return ()
    labels, count = label(places)
    offset = measured.box[0].start, measured.box[1].start
    unlike = []
    for number in range(1, count + 1):
        place = labels == number
        if not (place & flagged).any():
            ratio = float(grain[place].mean()) ** 0.5
            unlike.append(Unlike(region_of(place, 0.0, scan, offset), ratio))
    return tuple(sorted(unlike, key=lambda one: -one.region.voxels))


def _no_blocks(scan: Scan) -> Mask:
    """None of the blocks of a scan."""
    depth, rows, columns = scan.shape
    return np.zeros((depth, -(-rows // BLOCK), -(-columns // BLOCK)), np.bool_)


def _unknown(scan: Scan, measured: Measured, reason: str, false_alarms: float) -> Detection:
    """The result where no mark was found, or one that says nothing of any place."""
    nowhere = _no_blocks(scan)
    zero = nowhere.astype(np.float32)
    score = float(measured.scores.sum() / max(len(measured.scores), 1) ** 0.5)
    return Detection(
        verdict=Verdict.UNKNOWN,
        reason=reason,
        version=None,
        score=score,
        strength_hu=0.0,
        false_alarms=false_alarms,
        verified=0.0,
        regions=(),
        slices=untold(measured),
        missing_ends=(),
        unlike=(),
        map=zero,
        flagged=nowhere,
        shape=scan.shape,
        corner=(0, 0),
        sums=(zero, zero, zero),
        dense=nowhere,
    )


def _verdict(
    regions: Sequence[Region],
    slices: Sequence[SliceFinding],
    ends: Sequence[str],
    unlike: Sequence[Unlike],
    verified: float,
    settings: Detector,
) -> tuple[Verdict, str]:
    parts = []
    if regions:
        parts.append(f"the mark is missing in {counted(len(regions), 'region')}")
    for state, words in (
        (SliceState.REPLACED, "without a mark"),
        (SliceState.MOVED, "with the mark of another position"),
        (SliceState.FLIPPED, "mirrored or turned"),
    ):
        number = sum(finding.state == state for finding in slices)
        if number:
            parts.append(f"{counted(number, 'slice')} {words}")
    if ends:
        parts.append(f"{counted(len(ends), 'end')} of the series cut off")
    if parts:
        return Verdict.TAMPERED, "; ".join(parts)
    share = f"{100 * verified:.0f} % of the body could be checked"
    if verified < settings.checkable:
        return (
            Verdict.UNKNOWN,
            f"the mark is there, but too faint to say where it is missing: {share} for repainting "
            f"of {SIZES_MM[-1]:g} mm",
        )
    if unlike:
        return (
            Verdict.UNKNOWN,
            "the mark is where it could be looked for, but could not be told in "
            f"{counted(len(unlike), 'place')} unlike what is around",
        )
    return Verdict.INTACT, f"the mark is where it should be; {share}"
