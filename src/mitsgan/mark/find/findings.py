"""What became of whole slices: marked, moved, turned, replaced, averaged, cut off."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mitsgan.mark.find.detection import SliceFinding, SliceState
from mitsgan.mark.find.expected import Evidence, slice_sums
from mitsgan.mark.find.measure import Measured
from mitsgan.mark.find.noise import Mask
from mitsgan.mark.find.settings import Detector
from mitsgan.mark.find.slices import Match


@dataclass(frozen=True)
class SliceEvidence:
    """One value per slice, ``[z]``.

    Attributes:
        products: of the matched filter.
        variances: of the products, had the signs nothing to do with the scan.
        expected: what the products are where the mark is.
    """

    products: NDArray[np.float64]
    variances: NDArray[np.float64]
    expected: NDArray[np.float64]

    @classmethod
    def of(cls, evidence: Evidence) -> SliceEvidence:
        """Added up over slices."""
        return cls(*(slice_sums(part) for part in evidence.sums))

    @property
    def deviation(self) -> NDArray[np.float64]:
        """Of the products, had the signs nothing to do with the scan."""
        return np.sqrt(np.maximum(self.variances, 1e-9))

    @property
    def score(self) -> float:
        """z-score of the mark of the whole scan."""
        spread: float = max(float(self.variances.sum()), 1e-9) ** 0.5
        return float(self.products.sum()) / spread


def untold(measured: Measured) -> tuple[SliceFinding, ...]:
    """One finding per slice of a scan in which no mark was found: nothing but its first score."""
    return tuple(
        SliceFinding(z, SliceState.UNTESTED, float(measured.scores[z]), position / 100)
        for z, position in enumerate(measured.positions)
    )


def slice_findings(
    measured: Measured,
    sums: SliceEvidence,
    flagged: Mask,
    settings: Detector,
) -> tuple[SliceFinding, ...]:
    """One finding per slice of a marked scan.

    Args:
        measured: what was measured.
        sums: of the slices.
        flagged: blocks that lost the mark.
        settings: of the detector.
    """
    positions = measured.positions
    number_at = {position: z for z, position in enumerate(positions)}
    scores = sums.products / sums.deviation
    findings = []
    for z, position in enumerate(positions):
        match = measured.matches.get(z)
        if match is not None:
            state, detail, origin = _matched(match, position, number_at, settings)
        else:
            origin = None
            state, detail = _unmatched(sums, z, settings)
        if state == SliceState.MARKED and flagged[z].any():
            state, detail = SliceState.CHANGED, "a part of it carries no mark"
        findings.append(SliceFinding(z, state, float(scores[z]), position / 100, origin, detail))
    return tuple(findings)


def _matched(
    match: Match, position: int, number_at: dict[int, int], settings: Detector
) -> tuple[SliceState, str, float | None]:
    """State, words and origin (mm) of a slice that was compared with other positions."""
    state, details, origin = SliceState.MARKED, [], None
    if abs(match.position - position) > settings.same_position:
        state, origin = SliceState.MOVED, match.position / 100
        details.append(_origin(match.position, number_at))
    if match.flip:
        state = SliceState.FLIPPED if state == SliceState.MARKED else state
        details.append(match.flipped)
    return state, "; ".join(details), origin


def _unmatched(sums: SliceEvidence, z: int, settings: Detector) -> tuple[SliceState, str]:
    """State and words of a slice, by how much of its own mark is left."""
    if sums.expected[z] / sums.deviation[z] < settings.slice_score:
        return SliceState.UNTESTED, ""
    if sums.products[z] < settings.slice_left * sums.expected[z]:
        return SliceState.REPLACED, "carries no mark of this series"
    return SliceState.MARKED, ""


def _origin(position: int, number_at: dict[int, int]) -> str:
    other = number_at.get(position)
    where = f"{position / 100:g} mm"
    if other is None:
        return f"carries the mark of {where}, where this scan has no slice"
    return f"carries the mark of {where}, the place of slice {other}"


def were_averaged(measured: Measured, settings: Detector) -> bool:
    """Whether most slices carry a neighbour's mark, of either side, several the same."""
    positions = measured.positions
    steps = [
        (step, match.position)
        for z, match in measured.matches.items()
        for step in (-1, 1)
        if 0 <= z + step < len(positions)
        and abs(match.position - positions[z + step]) <= settings.same_position
    ]
    most, both_ways, twice = settings.averaged
    ahead = sum(step > 0 for step, _ in steps)
    return (
        len(steps) > most * len(positions)
        and min(ahead, len(steps) - ahead) > both_ways * len(steps)
        and len({position for _, position in steps}) < (1 - twice) * len(steps)
    )


def missing_ends(measured: Measured, settings: Detector) -> tuple[str, ...]:
    """Ends that were cut off: the first and the last slice have signs of their own."""
    positions = measured.positions
    ends = []
    last = len(positions) - 1
    for z, variant, name in ((0, 1, "below the first"), (last, 2, "above the last")):
        match = measured.matches.get(z)
        if match is None or match.variant == variant or last == 0:
            continue
        if abs(match.position - positions[z]) <= settings.same_position:
            ends.append(f"slices are missing {name} one")
    return tuple(ends)
