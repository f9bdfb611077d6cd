"""Does a scan still show what was sealed? The verdict about content."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mitsgan.scan.canonical import canonical
from mitsgan.scan.scan import Scan
from mitsgan.seal.sketch.cells import CellGrid
from mitsgan.seal.sketch.explain import Explanation, explain
from mitsgan.seal.sketch.grain import Grain, Limits, find_limits, measure_grain
from mitsgan.seal.sketch.missing import missing_parts, tissue_beyond_ml, without_filling
from mitsgan.seal.sketch.observe import finer, observe
from mitsgan.seal.sketch.regions import Differences, Region, find_regions
from mitsgan.seal.sketch.sketch import Sketch
from mitsgan.seal.sketch.traces import Trace, find_traces
from mitsgan.seal.sketch.words import ContentVerdict

_ALIKE = 0.95
"""Share of the contrast that processing has to explain; of what shows another body, it explains
less."""

_LEAST_JUDGED = 0.02
_BEYOND_ML = 1.0
"""Of tissue; half a nodule of 15 mm."""

_LARGEST_VISIBLE_HU = 250.0
"""A solid nodule of 6 mm in the lung changes its surroundings by as much: where that would not
show, a scan cannot be judged."""


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
    scans = [canonical(scan) for scan in scans]
    largest = max(scans, key=lambda scan: scan.stored.size)
    values = find_limits(largest, float(sketch.means.min())), measure_grain(largest)
    report = _judge(sketch, scans, largest, values, between=False)
    if report.verdict != "processed":
        return report
    outside = sum(tissue_beyond_ml(scan, sketch.grid) for scan in scans)
    if outside > _BEYOND_ML:
        reason = f"it shows {outside:.0f} ml of tissue outside of what was sealed"
        return replace(report, verdict="tampered", reason=reason)
    if any(max(finer(scan, sketch.grid)) > 1 for scan in scans):
        # What was sealed is in its place; a viewer shows what stands between, too.
        also = _judge(sketch, scans, largest, values, between=True)
        if also.verdict == "tampered":
            return replace(also, reason=f"{also.reason}, between the sealed voxels")
    return report


def _judge(
    sketch: Sketch,
    scans: Sequence[Scan],
    largest: Scan,
    values: tuple[Limits, Grain],
    *,
    between: bool,
) -> ContentReport:
    """By sealed voxels, or by the means of all around each; scans in canonical order.

    Args:
        sketch, scans: see `judge`.
        largest: of the scans.
        values: its limits and its grain.
        between: see `observe`.
    """
    limits, grain = values
    body = sketch.body
    observed = observe(scans, sketch.grid, between=between)
    seen = without_filling(observed, sketch)
    explanation = explain(sketch, seen, body, limits)
    differences = find_regions(sketch, seen, explanation, body)
    share = float(np.mean(explanation.judged[body])) if body.any() else 0.0
    traces = find_traces(sketch, largest, explanation.weights, limits, grain, seen.grid)
    verdict, reason = _verdict(explanation, differences, share, traces)
    return ContentReport(
        verdict=verdict,
        reason=reason,
        traces=traces,
        regions=differences.regions,
        missing=missing_parts(
            sketch.grid, np.where(seen.coverage > 0, observed.coverage, np.float32(0)), body
        ),
        judged_share=share,
        visible_hu=differences.visible_hu,
        differences=differences,
        grid=sketch.grid,
    )


def _verdict(
    explanation: Explanation,
    differences: Differences,
    share: float,
    traces: Sequence[Trace],
) -> tuple[ContentVerdict, str]:
    if share < _LEAST_JUDGED:
        return "unknown", f"{100 * share:.0f} % of the sealed patient is in it, too little to judge"
    if explanation.explained < _ALIKE:
        return "tampered", (
            f"it shows something else: what was sealed accounts for "
            f"{100 * explanation.explained:.0f} % of its contrast"
        )
    if differences.visible_hu[0] > _LARGEST_VISIBLE_HU:
        return "unknown", (
            f"so much was lost that a change of {differences.visible_hu[0]:.0f} HU might not show"
        )
    count = len(differences.regions)
    if count:
        where = "1 region shows" if count == 1 else f"{count} regions show"
        return "tampered", f"{where} something else than was sealed"
    what = "; ".join(trace.text for trace in traces) or "values are as sealed"
    return "processed", f"it shows what was sealed; {what}"
