"""Is the mark still there, and where not: a blind matched filter with a known null."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mitsgan.mark.find.detection import Detection, Region, SliceFinding, SliceState, Verdict
from mitsgan.mark.find.expected import slice_sums, weigh
from mitsgan.mark.find.measure import Measured, measure
from mitsgan.mark.find.regions import find_regions, search
from mitsgan.mark.find.slices import FOUND, JITTER
from mitsgan.mark.keys import Key
from mitsgan.mark.pattern import series_key, slice_positions
from mitsgan.mark.windows import BLOCK, SIZES_MM
from mitsgan.scan.scan import Scan

FALSE_ALARMS = 0.01

_ENOUGH_VERIFIED = 0.8
_ENOUGH_TO_ACCUSE = 0.1
"""Share of the body that must be checkable before a missing mark is held against anybody: where a
lossy codec took it almost everywhere, what is left is not even."""
_MOST, _BOTH_WAYS, _TWICE = 0.5, 0.1, 0.05
"""Averaged slices: so many carry a neighbour's mark, so many of either side, so many the same."""
_SLICE_POWER = 12.0
_SLICE_LEFT = 0.3


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

    Raises:
        IdentityError: positions that no scan has.
    """
    positions = slice_positions(scan.geometry, range(scan.shape[0]))
    found = measure(scan, series_key(key, identity), positions, progress)
    return judge(scan, positions, found, false_alarms)


def judge(
    scan: Scan, positions: list[int], found: Measured, false_alarms: float = FALSE_ALARMS
) -> Detection:
    """What the sums of a scan say.

    Args:
        scan: under test.
        positions: of its slices, 1/100 mm.
        found: its sums.
        false_alarms: how often an untouched scan may be called tampered, per scan.
    """
    carrying = found.own.copy()
    carrying[list(found.matches)] = True
    evidence = weigh(found, carrying, scan.spacing)
    per_slice = tuple(
        slice_sums(part) for part in (evidence.products, evidence.variances, evidence.expected)
    )
    score = float(per_slice[0].sum()) / max(float(per_slice[1].sum()), 1e-9) ** 0.5
    blocks = (scan.shape[0], *(-(-n // BLOCK) for n in scan.shape[1:]))
    nowhere, none = np.zeros(blocks, np.float32), np.zeros(blocks, np.bool_)
    averaged = _averaged(found, positions)
    if averaged or score < FOUND or not carrying.any():
        slices = _findings(found, per_slice, positions, none, known=False)
        reason = (
            "slices carry the marks of those before and behind them, as where slices were averaged"
            if averaged
            else "no mark of this key and series was found: another key, another series, never "
            "marked, or too much was lost"
        )
        first = float(found.scores.sum() / max(len(found.scores), 1) ** 0.5)
        return Detection(
            Verdict.UNKNOWN, reason, first, 0.0, false_alarms, 0.0, (), slices, (), nowhere, none,
            scan.shape, (0, 0), (nowhere, nowhere, nowhere), none,
        )  # fmt: skip
    looked = search(evidence, scan.spacing, false_alarms)
    body = max(int(np.count_nonzero(evidence.body)), 1)
    verified = float(np.count_nonzero(looked.testable & evidence.body)) / body
    offset = (found.box[0].start, found.box[1].start)
    regions, kept = find_regions(looked, scan, offset)
    if verified < _ENOUGH_TO_ACCUSE:
        regions, kept = (), np.zeros_like(kept)
    inside = (
        slice(None),
        *(slice(o // BLOCK, o // BLOCK + n) for o, n in zip(offset, kept.shape[1:], strict=True)),
    )
    none[inside] = kept
    np.multiply(looked.probability, evidence.body, out=nowhere[inside])
    slices = _findings(found, per_slice, positions, none, known=True)
    ends = _missing_ends(found, positions)
    verdict, reason = _verdict(regions, slices, ends, verified)
    return Detection(
        verdict, reason, score, evidence.survived_hu, false_alarms, verified, regions, slices, ends,
        nowhere, none, scan.shape, (offset[0] // BLOCK, offset[1] // BLOCK),
        (evidence.products, evidence.variances, evidence.expected), evidence.dense,
    )  # fmt: skip


def _verdict(
    regions: tuple[Region, ...],
    slices: tuple[SliceFinding, ...],
    ends: tuple[str, ...],
    verified: float,
) -> tuple[Verdict, str]:
    parts = []
    if regions:
        parts.append(f"the mark is missing in {_count(len(regions), 'region')}")
    for state, words in (
        (SliceState.REPLACED, "without a mark"),
        (SliceState.MOVED, "with the mark of another position"),
        (SliceState.FLIPPED, "mirrored or turned"),
    ):
        number = sum(finding.state == state for finding in slices)
        if number:
            parts.append(f"{_count(number, 'slice')} {words}")
    if ends:
        parts.append(f"{_count(len(ends), 'end')} of the series cut off")
    if parts:
        return Verdict.TAMPERED, "; ".join(parts)
    share = f"{100 * verified:.0f} % of the body could be checked"
    if verified < _ENOUGH_VERIFIED:
        return (
            Verdict.UNKNOWN,
            f"the mark is there, but too faint to say where it is missing: {share} for repainting "
            f"of {SIZES_MM[-1]:g} mm",
        )
    return Verdict.INTACT, f"the mark is where it should be; {share}"


def _findings(
    found: Measured,
    per_slice: tuple[NDArray[np.float64], ...],
    positions: list[int],
    flagged: NDArray[np.bool_],
    *,
    known: bool,
) -> tuple[SliceFinding, ...]:
    """One finding per slice, of its products, their variance, and what is expected of them."""
    total, variance, mean = per_slice
    spread = np.sqrt(np.maximum(variance, 1e-9))
    findings = []
    number_at = {position: z for z, position in enumerate(positions)}
    for z, position in enumerate(positions):
        score = float(total[z] / spread[z]) if known else float(found.scores[z])
        state, detail, origin = SliceState.MARKED, "", None
        match = found.matches.get(z)
        if known and match is not None:
            if abs(match.position - position) > JITTER:
                origin = match.position / 100
                state, detail = SliceState.MOVED, _origin(match.position, number_at)
            if match.flip:
                state = state if state == SliceState.MOVED else SliceState.FLIPPED
                detail = "; ".join(filter(None, (detail, match.flipped)))
        elif not known or mean[z] / spread[z] < _SLICE_POWER:
            state = SliceState.UNTESTED
        elif total[z] < _SLICE_LEFT * mean[z]:
            state, detail = SliceState.REPLACED, "carries no mark of this series"
        if state == SliceState.MARKED and flagged[z].any():
            state, detail = SliceState.CHANGED, "a part of it carries no mark"
        findings.append(SliceFinding(z, state, score, position / 100, origin, detail))
    return tuple(findings)


def _origin(position: int, number_at: dict[int, int]) -> str:
    other = number_at.get(position)
    where = f"{position / 100:g} mm"
    if other is None:
        return f"carries the mark of {where}, where this scan has no slice"
    return f"carries the mark of {where}, the place of slice {other}"


def _averaged(found: Measured, positions: list[int]) -> bool:
    """Whether most slices carry a neighbour's mark, of either side, several the same."""
    steps = [
        (step, match.position)
        for z, match in found.matches.items()
        for step in (-1, 1)
        if 0 <= z + step < len(positions) and abs(match.position - positions[z + step]) <= JITTER
    ]
    ahead = sum(step > 0 for step, _ in steps)
    return (
        len(steps) > _MOST * len(positions)
        and min(ahead, len(steps) - ahead) > _BOTH_WAYS * len(steps)
        and len({position for _, position in steps}) < (1 - _TWICE) * len(steps)
    )


def _missing_ends(found: Measured, positions: list[int]) -> tuple[str, ...]:
    """Ends that were cut off: the first and the last slice have signs of their own."""
    ends = []
    last = len(positions) - 1
    for z, variant, name in ((0, 1, "below the first"), (last, 2, "above the last")):
        match = found.matches.get(z)
        if match is None or match.variant == variant or last == 0:
            continue
        if abs(match.position - positions[z]) <= JITTER:
            ends.append(f"slices are missing {name} one")
    return tuple(ends)


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
