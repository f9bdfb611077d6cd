"""Pictures of what a verification flagged: slices of the scan with the places framed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from mitsgan.evaluate.metrics.windows import LUNG
from mitsgan.evaluate.report.formatting import millimetres
from mitsgan.evaluate.report.html.figures import (
    ColourBar,
    Figure,
    Picture,
    PlaceFigures,
    Row,
    picture,
)
from mitsgan.evaluate.report.pictures.burn_in import gray
from mitsgan.jobs.entries import Vector
from mitsgan.jobs.verify.result import UnlikeEntry, Verification
from mitsgan.jobs.verify.sketch_pictures import sketch_pictures
from mitsgan.progress import Phases
from mitsgan.scan.canonical import canonical
from mitsgan.scan.scan import Scan
from mitsgan.seal.format import SealError

_MOST = 6
"""Places of a kind that are shown; the tables name all."""
_WHOLE, _NEAR = 432, 288
"""Pixels along a side: of whole slices, and of what lies near a place."""
_NEAR_MM = 64.0
_FRAME = {"mark": "#ff9d2e", "sketch": "#ff9d2e", "unlike": "#7fb7ff"}
"""Colours of frames: what differs, and what could not be checked."""


@dataclass(frozen=True)
class _Place:
    """A box in the patient, LPS mm, and what it is."""

    kind: str
    title: str
    note: str
    centre: Vector
    lower: Vector
    upper: Vector


@dataclass(frozen=True)
class _View:
    """A square cut through a scan: axial, or coronal with the head up."""

    centre: Vector
    side_mm: float
    pixels: int
    coronal: bool = False

    def of(self, scan: Scan) -> NDArray[np.float32]:
        """The nearest voxels of a scan, HU; air where it has none."""
        steps = (np.arange(self.pixels) + 0.5) / self.pixels * self.side_mm - self.side_mm / 2
        x, y, z = self.centre
        across, down = np.meshgrid(steps, steps)
        if self.coronal:
            world = np.stack([x + across, np.full_like(across, y), z - down], -1)
        else:
            world = np.stack([x + across, y + down, np.full_like(across, z)], -1)
        geometry = scan.geometry
        index = (world - np.asarray(geometry.origin)) @ np.linalg.inv(geometry.matrix)
        voxels = np.rint(index).astype(int)
        inside = ((voxels >= 0) & (voxels < scan.shape)).all(-1)
        shown = np.full(inside.shape, LUNG.low, np.float32)
        k, j, i = voxels[inside].T
        slope, intercept = (np.asarray(v, np.float32)[k] for v in (scan.slope, scan.intercept))
        shown[inside] = scan.stored[k, j, i] * slope + intercept
        return shown

    def box(self, place: _Place, margin_mm: float) -> tuple[float, float, float, float]:
        """Left, top, right and bottom of a place in the picture, with a margin."""
        scale, margin = self.pixels / self.side_mm, margin_mm
        corners = []
        for corner in (place.lower, place.upper):
            x, y, z = np.subtract(corner, self.centre)
            corners.append((x, -z if self.coronal else y))
        (left, a), (right, b) = corners
        edges = (left - margin, min(a, b) - margin, right + margin, max(a, b) + margin)
        ends = [value * scale + self.pixels / 2 for value in edges]
        return ends[0], ends[1], ends[2], ends[3]


def verification_pictures(
    result: Verification, scan: Scan, seal: Path | None, phases: Phases
) -> tuple[PlaceFigures, ...]:
    """The scan, and every place that mark or sketch flagged or could not check, framed.

    Args:
        result: of the verification.
        scan: that was verified.
        seal: whose sketch shows what was there; None without one.
        phases: told how far it is.
    """
    axial = canonical(scan)
    sketches = _sketches(axial, seal, phases)
    with phases.phase("pictures", "making pictures"):
        places = list(_places(result))
        middle = axial.geometry.to_world([(n - 1) / 2 for n in axial.shape])
        return (
            _whole(axial, middle, places, tampered=result.verdict == "tampered"),
            *(_near(axial, place, sketches) for place in places),
        )


def _sketches(axial: Scan, seal: Path | None, phases: Phases) -> tuple[Scan, Scan] | None:
    if seal is None:
        return None
    try:
        return sketch_pictures(seal, axial, progress=phases.tell)
    except SealError:
        return None  # verifying has told what is wrong with it


def _places(result: Verification) -> Iterator[_Place]:
    for unmarked in (result.regions or ())[:_MOST]:
        note = f"The mark is missing here, by {unmarked.z_score:.1f} standard deviations."
        box = (unmarked.centre_lps_mm, unmarked.lower_lps_mm, unmarked.upper_lps_mm)
        yield _Place("mark", "The mark is missing", note, *box)
    content = None if result.seal is None else result.seal.content
    for region in (() if content is None else content.regions)[:_MOST]:
        note = (
            f"The core was {region.sealed_hu:.0f} HU when sealed and is {region.found_hu:.0f} HU; "
            f"{region.difference_hu:+.0f} HU are beyond what processing explains."
        )
        box = (region.centre_lps_mm, region.lower_lps_mm, region.upper_lps_mm)
        yield _Place("sketch", "It shows something else than was sealed", note, *box)
    for unlike in (result.unlike or ())[:_MOST]:
        note = f"Its grain is {unlike.grain_over_surroundings:.1f} times that around: not checked."
        corners = _corners(result, unlike)
        yield _Place("unlike", "Could not be checked", note, unlike.centre_lps_mm, *corners)


def _corners(result: Verification, place: UnlikeEntry) -> tuple[Vector, Vector]:
    """Lower and upper corner, LPS mm, of a box of voxels of the file."""
    if result.scan is None:
        return place.centre_lps_mm, place.centre_lps_mm
    steps = np.asarray(result.scan.axes_lps) * np.asarray(result.scan.spacing_mm)[:, None]
    ends = np.asarray([place.start_voxel, np.subtract(place.stop_voxel, 1)], float)
    first, last = ends @ steps + np.asarray(result.scan.origin_lps_mm)
    low, high = np.minimum(first, last).tolist(), np.maximum(first, last).tolist()
    return (low[0], low[1], low[2]), (high[0], high[1], high[2])


def _whole(
    axial: Scan, centre: Vector, places: Sequence[_Place], *, tampered: bool
) -> PlaceFigures:
    """Through the first place, or the middle: the axial slice and the coronal one, whole."""
    through = places[0].centre if places else centre
    x, y, z = centre
    height, width = (axial.geometry.spacing[a] * axial.shape[a] for a in (1, 2))
    tall = axial.geometry.spacing[0] * axial.shape[0]
    views = {
        "axial": _View((x, y, through[2]), max(height, width), _WHOLE),
        "coronal": _View((x, through[1], z), max(width, tall), _WHOLE, coronal=True),
    }
    drawn = [
        picture(_framed(view, axial, places), f"the scan, {name}") for name, view in views.items()
    ]
    nowhere = (
        "What differs is told above and in the tables." if tampered else "No place was flagged."
    )
    note = "Frames are the places below." if places else nowhere
    return PlaceFigures(
        "The scan that was verified",
        f"Slices through {'the first place' if places else 'its middle'}. {note}",
        (_figure(tuple(views), drawn),),
    )


def _near(axial: Scan, place: _Place, sketches: tuple[Scan, Scan] | None) -> PlaceFigures:
    """What lies near a place, and what the sketch says was there."""
    longest = max(np.subtract(place.upper, place.lower))
    side = max(_NEAR_MM, 1.6 * float(longest))
    views = {
        "axial": _View(place.centre, side, _NEAR),
        "coronal": _View(place.centre, side, _NEAR, coronal=True),
    }
    rows = [{name: (view, axial) for name, view in views.items()}]
    if sketches is not None and place.kind == "sketch":
        names = ("axial, means when sealed", "axial, the same means now")
        rows.append({name: (views["axial"], s) for name, s in zip(names, sketches, strict=True)})
    figures = []
    for row in rows:
        drawn = [
            picture(_framed(view, scan, [place]), f"{place.title}, {name}")
            for name, (view, scan) in row.items()
        ]
        figures.append(_figure(tuple(row), drawn))
    return PlaceFigures(
        f"{place.title}, at {millimetres(place.centre)} mm (LPS)",
        f"{place.note} {side:.0f} mm wide.",
        tuple(figures),
    )


def _figure(names: tuple[str, ...], drawn: Sequence[Picture]) -> Figure:
    bar = ColourBar("CT, lung window", LUNG.low, LUNG.high, "#000, #fff")
    note = "Voxels as they are, not interpolated; coronal pictures have the head up."
    return Figure(names, (Row("", tuple(drawn)),), bar, note)


def _framed(view: _View, scan: Scan, places: Sequence[_Place]) -> NDArray[np.uint8]:
    """A picture with the places framed that the view goes through."""
    image = Image.fromarray(gray(view.of(scan), LUNG.low, LUNG.high))
    pen = ImageDraw.Draw(image)
    axis = 1 if view.coronal else 2
    half = max(scan.geometry.spacing) / 2  # corners are centres of voxels
    for place in places:
        low, high = place.lower[axis] - half, place.upper[axis] + half
        if low <= view.centre[axis] <= high:
            pen.rectangle(view.box(place, half), outline=_FRAME[place.kind], width=2)
    return np.asarray(image)
