"""Does a scan still show what was sealed? The verdict about content."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mitsgan.scan.canonical import canonical
from mitsgan.scan.scan import Scan
from mitsgan.seal.sketch.cells import HIGHEST_HU, LOWEST_HU, CellGrid
from mitsgan.seal.sketch.explain import WHOLE, Explanation, explain
from mitsgan.seal.sketch.grain import Grain, Limits, find_limits, measure_grain
from mitsgan.seal.sketch.missing import SIDES, missing_parts, tissue_beyond_ml, without_filling
from mitsgan.seal.sketch.observe import (
    Observation,
    Scale,
    find_scale,
    finer,
    is_beyond_hu,
    observe,
    range_of,
)
from mitsgan.seal.sketch.regions import Differences, Region, find_regions
from mitsgan.seal.sketch.sketch import Sketch
from mitsgan.seal.sketch.traces import Trace, find_traces
from mitsgan.seal.sketch.words import LARGEST_VISIBLE_HU, ContentVerdict

_ALIKE = 0.95
"""Share of the contrast that processing has to explain; of what shows another body, it explains
less."""

_LEAST_JUDGED = 0.02
_BEYOND_ML = 1.0
"""Of tissue; half a nodule of 15 mm."""

_FAINT = 0.985
"""Gains below are told of."""

_ALL_HU = HIGHEST_HU - LOWEST_HU

_COARSE = 2.0
"""Of voxels so many times as long as cells, what was sealed explains too little of any scan."""

_LEAST_MOVED, _LEAST_MOVED_MM = 0.75, 1.5
"""Voxels, and mm, from which on no program misplaced a scan by half a voxel."""


@dataclass(frozen=True, eq=False)
class ContentReport:
    """What a sketch tells of a scan.

    Attributes:
        verdict: ``processed``: it shows what was sealed, as far as it shows anything.
            ``tampered``: it shows something else, in ``regions`` or everywhere. ``unknown``: too
            little of it is left to tell.
        reason: why, in a sentence.
        traces: what it looks as if it had gone through; none where all cells are as sealed.
        regions: where it shows something else, the most certain first.
        missing: parts that were sealed and are not there, in words.
        judged_share: how much of the sealed patient could be judged, 0 to 1.
        visible_hu: a change of the mean over a few millimetres would be found from here on: at
            the places that hide most, and least.
        differences: cell by cell.
        grid: these cells.
    """

    verdict: ContentVerdict
    reason: str
    traces: tuple[Trace, ...]
    regions: tuple[Region, ...]
    missing: tuple[str, ...]
    judged_share: float
    visible_hu: tuple[float, float]
    differences: Differences
    grid: CellGrid


def judge(sketch: Sketch, scans: Sequence[Scan]) -> ContentReport:
    """Compare a scan with its sketch.

    Args:
        sketch: what was sealed.
        scans: the scan; several pieces of it where it has a gap.
    """
    scans, scale, observed = _in_hu(sketch, [canonical(scan) for scan in scans])
    largest = max(scans, key=lambda scan: scan.stored.size)
    values = find_limits(largest, float(sketch.means.min())), measure_grain(largest)
    report = _judge(sketch, largest, observed, scale, values)
    if report.verdict != "processed":
        return report
    outside = sum(tissue_beyond_ml(scan, sketch.grid) for scan in scans)
    if outside > _BEYOND_ML:
        reason = f"it shows {outside:.0f} ml of tissue outside of what was sealed"
        return replace(report, verdict="tampered", reason=reason)
    if any(max(finer(scan, sketch.grid)) > 1 for scan in scans):
        # What was sealed is in its place; a viewer shows what stands between, too.
        observed = observe(scans, sketch.grid, between=True)
        also = _judge(sketch, largest, observed, scale, values)
        if also.verdict == "tampered":
            return replace(also, reason=f"{also.reason}, between the sealed voxels")
    return report


def _in_hu(
    sketch: Sketch, scans: Sequence[Scan]
) -> tuple[Sequence[Scan], Scale | None, Observation]:
    """Scans in HU, the scale of their values if those are none, and what they show."""
    even = sketch.body & (sketch.smoothing == 0) & (sketch.across == 0) & (sketch.median == 0)
    observed = observe(scans, sketch.grid)
    even &= observed.coverage >= WHOLE
    near = range_of(scans) if is_beyond_hu(observed.means[even]) else None
    if near is not None:
        observed = observe([near.in_hu(scan) for scan in scans], sketch.grid)
    scale = find_scale(observed.means[even], sketch.means[even])
    if near is not None:
        scale = near if scale is None else scale.within(near)
    if scale is not None:
        scans = [scale.in_hu(scan) for scan in scans]
        observed = observe(scans, sketch.grid)
    return scans, scale, observed


def _judge(
    sketch: Sketch,
    largest: Scan,
    observed: Observation,
    scale: Scale | None,
    values: tuple[Limits, Grain],
) -> ContentReport:
    """By sealed voxels, or by the means of all around each; scans in canonical order.

    Args:
        sketch: see `judge`.
        largest: of the scans.
        observed: what they show.
        scale: of their values, if those were no HU.
        values: limits and grain of the largest.
    """
    limits, grain = values
    body = sketch.body
    seen = without_filling(observed, sketch)
    explanation = explain(sketch, seen, body, limits)
    differences = find_regions(sketch, seen, explanation, body)
    share = float(np.mean(explanation.judged[body])) if body.any() else 0.0
    traces = find_traces(sketch, largest, explanation.weights, limits, grain, seen.grid, scale)
    visible_hu = _visible_hu(explanation, differences)
    verdict, reason = _verdict(explanation, differences.regions, share, visible_hu, traces)
    if verdict != "unknown" and (wrong := _misplaced(sketch.grid, largest, explanation)):
        verdict, reason = wrong
    return ContentReport(
        verdict=verdict,
        reason=reason,
        traces=traces,
        regions=differences.regions,
        missing=missing_parts(
            sketch.grid, np.where(seen.coverage > 0, observed.coverage, np.float32(0)), body
        ),
        judged_share=share,
        visible_hu=visible_hu,
        differences=differences,
        grid=sketch.grid,
    )


def _visible_hu(explanation: Explanation, differences: Differences) -> tuple[float, float]:
    """What would show, in HU of the sealed scan: of a fainter copy a larger change.

    Nothing where a scan was cut to fewer HU than would show.
    """
    (high, low), limits = differences.visible_hu, explanation.limits
    if limits.high - limits.low < high:
        return np.inf, np.inf
    gain = abs(explanation.weights.gain)
    if gain < _FAINT:
        high, low = (hu / max(gain, 1e-6) for hu in (high, low))
    return high, low


def _verdict(
    explanation: Explanation,
    regions: Sequence[Region],
    share: float,
    visible_hu: tuple[float, float],
    traces: Sequence[Trace],
) -> tuple[ContentVerdict, str]:
    if share < _LEAST_JUDGED:
        return "unknown", f"{100 * share:.0f} % of the sealed patient is in it, too little to judge"
    if explanation.explained < _ALIKE:
        return "tampered", (
            f"it shows something else: what was sealed accounts for "
            f"{100 * explanation.explained:.0f} % of its contrast"
        )
    if visible_hu[0] > LARGEST_VISIBLE_HU:
        what = f"a change of {visible_hu[0]:.0f} HU" if visible_hu[0] < _ALL_HU else "a change"
        return "unknown", f"so much was lost that {what} might not show"
    if explanation.weights.gain < 0:
        return "tampered", "it shows a negative: what was dense is dark"
    count = len(regions)
    if count:
        where = "1 region shows" if count == 1 else f"{count} regions show"
        return "tampered", f"{where} something else than was sealed"
    what = "; ".join(trace.text for trace in traces) or "values are as sealed"
    return "processed", f"it shows what was sealed; {what}"


def _misplaced(
    grid: CellGrid, scan: Scan, explanation: Explanation
) -> tuple[ContentVerdict, str] | None:
    """The verdict of a scan that does not lie where it says, or is too coarse to tell; or None."""
    coarsest = max(scan.spacing)
    if explanation.explained < _ALIKE:
        if coarsest > _COARSE * max(*grid.cell_mm, *grid.geometry.spacing):
            return "unknown", f"its voxels of {coarsest:.3g} mm are too coarse to tell"
        return None
    for moved, mm, steps, names in zip(
        explanation.weights.moved,
        grid.cell_mm,
        zip(scan.spacing, grid.geometry.spacing, strict=True),
        SIDES,
        strict=True,
    ):
        off = moved * mm
        if abs(off) > max(_LEAST_MOVED_MM, _LEAST_MOVED * max(steps)):
            return "tampered", (
                f"it lies {abs(off):.1f} mm further towards the {names[off > 0]} than was sealed"
            )
    return None
