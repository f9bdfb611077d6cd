"""What a sketch tells of a scan, for people and for machines."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mitsgan.scan.geometry import Vector
from mitsgan.seal.sketch.words import ContentVerdict, Process, tells_visible

if TYPE_CHECKING:
    from mitsgan.seal.sketch.judge import ContentReport
    from mitsgan.seal.sketch.regions import Region


@dataclass(frozen=True)
class ContentRegionEntry:
    """A `mitsgan.seal.sketch.regions.Region`."""

    start_voxel: tuple[int, int, int]
    stop_voxel: tuple[int, int, int]
    centre_lps_mm: Vector
    lower_lps_mm: Vector
    upper_lps_mm: Vector
    volume_ml: float
    core_ml: float
    sealed_hu: float
    found_hu: float
    difference_hu: float
    standard_deviations: float
    in_patient: bool


@dataclass(frozen=True)
class TraceEntry:
    """What a scan looks as if it had gone through."""

    process: Process
    text: str


@dataclass(frozen=True)
class ContentEntry:
    """A `mitsgan.seal.sketch.judge.ContentReport`.

    Attributes:
        visible_hu: a change of the mean over a few millimetres is found from here on: where most
            is hidden, and where least is; None where nothing could be judged.
    """

    verdict: ContentVerdict
    reason: str
    traces: tuple[TraceEntry, ...]
    regions: tuple[ContentRegionEntry, ...]
    missing: tuple[str, ...]
    judged_share_of_patient: float
    visible_hu: tuple[float, float] | None


def content_entry(report: ContentReport) -> ContentEntry:
    """For machines."""
    known = all(math.isfinite(hu) for hu in report.visible_hu)
    low, high = (round(hu, 1) for hu in report.visible_hu) if known else (0.0, 0.0)
    return ContentEntry(
        verdict=report.verdict,
        reason=report.reason,
        traces=tuple(TraceEntry(trace.process, trace.text) for trace in report.traces),
        regions=tuple(_region(region) for region in report.regions),
        missing=report.missing,
        judged_share_of_patient=round(report.judged_share, 4),
        visible_hu=(low, high) if known else None,
    )


def content_lines(report: ContentReport, most: int) -> list[str]:
    """For people."""
    shown = [f"  content: {report.reason}"]
    for region in report.regions[:most]:
        z, y, x = (f"{a}-{b - 1}" for a, b in zip(region.start, region.stop, strict=True))
        place = ", ".join(f"{mm:.1f}" for mm in region.centre_mm)
        where = "" if region.in_patient else " (outside the patient)"
        shown.append(
            f"  slices {z}, rows {y}, columns {x}; centre {place} mm (LPS){where}: "
            f"{region.volume_ml:.2f} ml differ; the core, {region.core_ml:.2f} ml, was "
            f"{region.sealed_hu:.0f} HU and is {region.found_hu:.0f} HU "
            f"({region.difference_hu:+.0f} HU beyond processing)"
        )
    if len(report.regions) > most:
        shown.append(f"  and {len(report.regions) - most} more regions")
    shown += [f"  missing: {text}" for text in report.missing]
    if report.verdict != "unknown":
        high, low = report.visible_hu
        visible = (
            f"; a change of {low:.0f} HU over a few millimetres would show in most places, of "
            f"{high:.0f} HU in 95 % of them"
        )
        judged = f"  {100 * report.judged_share:.0f} % of the patient was judged"
        shown.append(judged + (visible if tells_visible(high, len(report.regions)) else ""))
    return shown


def _region(region: Region) -> ContentRegionEntry:
    def rounded(place: Vector) -> Vector:
        x, y, z = (round(mm, 2) for mm in place)
        return x, y, z

    return ContentRegionEntry(
        start_voxel=region.start,
        stop_voxel=region.stop,
        centre_lps_mm=rounded(region.centre_mm),
        lower_lps_mm=rounded(region.lower_mm),
        upper_lps_mm=rounded(region.upper_mm),
        volume_ml=round(region.volume_ml, 3),
        core_ml=round(region.core_ml, 3),
        sealed_hu=round(region.sealed_hu, 1),
        found_hu=round(region.found_hu, 1),
        difference_hu=round(region.difference_hu, 1),
        standard_deviations=round(region.score, 1),
        in_patient=region.in_patient,
    )
