"""Nodules as DICOM tells of them: regions of a structured report, or pieces of a segmentation.

Source: DICOM PS3.3 A.51 and C.8.20 (segmentation), C.18.6 and C.18.9 (spatial coordinates), PS3.16
TID 1500, 1410 and 1411 (measurement groups), TID 4103 and 4104 (findings of chest CAD).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.uid import SegmentationStorage
from scipy import ndimage

from mitsgan.errors import DataError
from mitsgan.files.dicom.frames import Frame
from mitsgan.files.dicom.series import plane_of
from mitsgan.scan.geometry import Vector

Planes = Mapping[tuple[str, int], Frame]
"""The slices of a scan, by the *SOP Instance UID* of their object and their number in it from 1."""

_GROUPS = {("125007", "DCM"), ("111015", "DCM"), ("111059", "DCM")}
"""Measurement group; composite feature and single image finding of chest CAD."""
_LABEL_MAP = "1.2.840.10008.5.1.4.1.1.66.7"
"""Label Map Segmentation Storage."""

_LENGTHS = {
    *(("81827009", "SCT"), ("103339001", "SCT"), ("410668003", "SCT")),
    *(("M-02550", "SRT"), ("G-A185", "SRT"), ("G-D7FE", "SRT")),
}
"""Diameter, long axis and length, today's codes and those before."""

_CENTRED = ("CIRCLE", "ELLIPSE", "ELLIPSOID")
"""Given by the ends of their axes, whose mean is the middle; a circle is once it is read."""

Points = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _Outline:
    """A region in the patient: ``points`` ``[n, 3]``, LPS mm; else as `MarkedNodule`."""

    points: Points
    centred: bool
    series: frozenset[str]
    frame: str


@dataclass(frozen=True)
class MarkedNodule:
    """A nodule in the patient.

    Attributes:
        world: its middle, LPS mm ``(x, y, z)``.
        diameter_mm: of the ball of equal volume, or the longest that is told; 0 where nothing is.
        series: UIDs of the series in which it was marked, or others of the same object.
        frame: *Frame of Reference UID* of ``world``; empty where it is not told.
    """

    world: Vector
    diameter_mm: float
    series: frozenset[str]
    frame: str = ""


def marked_nodules(path: Path, planes: Planes | None = None) -> tuple[MarkedNodule, ...]:
    """The nodules of a structured report, or of a segmentation.

    Each measurement group with a region is taken for a nodule, and each connected piece of each
    segment: what is segmented is to be nodules alone.

    Args:
        path: of the report or segmentation.
        planes: the slices that places in pixels may refer to; such in other images are left out.

    Raises:
        DataError: it is neither, is damaged, or tells places in pixels and there are no slices.
    """
    try:
        dataset = dcmread(path)
    except (OSError, InvalidDicomError, ValueError) as error:
        raise DataError(f"{path} cannot be read as DICOM ({error}); name another list") from error
    try:
        if dataset.get("SOPClassUID") in (SegmentationStorage, _LABEL_MAP):
            return tuple(_pieces(dataset))
        if "ContentSequence" in dataset:
            return tuple(_regions(dataset, path, planes))
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path} lacks what tells where its regions lie ({error})") from error
    raise DataError(
        f"{path} is neither a structured report nor a segmentation; name one of these, or a list "
        "as .csv, .json or .xml (LIDC)"
    )


def _regions(report: Dataset, path: Path, planes: Planes | None) -> Iterator[MarkedNodule]:
    """Of a report, by its measurement groups."""
    series = frozenset(_evidence(report))
    kinds: set[str] = set()
    for group in _groups(report):
        kinds |= {str(item.get("ValueType")) for item in _below(group)}
        outlines = list(_outlines(group, series, planes or {}))
        if not outlines:
            continue
        points = np.concatenate([outline.points for outline in outlines])
        if all(outline.centred for outline in outlines):
            centre = points.mean(0)
        else:
            centre = (points.min(0) + points.max(0)) / 2
        longest = max(_lengths(group), default=float(np.ptp(points, axis=0).max()))
        yield MarkedNodule(_vector(centre), longest, outlines[0].series, outlines[0].frame)
    if "SCOORD3D" in kinds or ("SCOORD" in kinds and planes is not None):
        return
    if "SCOORD" in kinds:
        raise DataError(
            f"{path} tells regions in pixels of DICOM slices (SCOORD); give the scan as the series "
            "that it was marked in, or a list as .csv, .json or .xml (LIDC)"
        )
    raise DataError(
        f"{path} tells no region, neither in coordinates of the patient (SCOORD3D) nor in pixels "
        "(SCOORD); give the segmentation that it refers to, or a list as .csv, .json or .xml (LIDC)"
    )


def _outlines(group: Dataset, series: frozenset[str], planes: Planes) -> Iterator[_Outline]:
    """What a group outlines: in the patient, or else in slices, so far as they are at hand."""
    items = list(_below(group))
    solid = [item for item in items if item.get("ValueType") == "SCOORD3D"]
    for item in solid:
        points = np.asarray(item.GraphicData, np.float64).reshape(-1, 3)
        frame = str(item.get("ReferencedFrameOfReferenceUID", ""))
        yield _Outline(points, item.GraphicType in _CENTRED, series, frame)
    for item in items if not solid else []:
        if item.get("ValueType") == "SCOORD" and (slice_of := _slice_of(item, planes)):
            yield _in_plane(item, slice_of)


def _slice_of(shape: Dataset, planes: Planes) -> Frame | None:
    """The slice in whose pixels a region is told, where it is at hand."""
    for item in _below(shape):
        for image in item.get("ReferencedSOPSequence", ()):
            number = image.get("ReferencedFrameNumber") or 1
            number = number if isinstance(number, int | str) else number[0]
            found = planes.get((str(image.ReferencedSOPInstanceUID), int(number)))
            if found is not None:
                return found
    return None


def _in_plane(shape: Dataset, frame: Frame) -> _Outline:
    """A region in a slice: (column, row) from the corner of its first pixel (figure C.10.5-1)."""
    points = np.asarray(shape.GraphicData, np.float64).reshape(-1, 2) - 0.5
    if shape.GraphicType == "CIRCLE":
        centre, border = points
        radius = math.dist(centre, border)
        points = centre + radius * np.array([(1, 0), (-1, 0), (0, 1), (0, -1)])
    plane = plane_of(frame)
    world = np.array([plane.to_world((0.0, row, column)) for column, row in points])
    return _Outline(world, shape.GraphicType in _CENTRED, frozenset({frame.file.series}), "")


def _groups(item: Dataset) -> Iterator[Dataset]:
    """Measurement groups below; what stands outside of them, item by item."""
    for child in item.get("ContentSequence", ()):
        if _concept(child) in _GROUPS or child.get("ValueType") in ("SCOORD3D", "SCOORD"):
            yield child
        else:
            yield from _groups(child)


def _below(item: Dataset) -> Iterator[Dataset]:
    """An item and all that it contains."""
    yield item
    for child in item.get("ContentSequence", ()):
        yield from _below(child)


def _concept(item: Dataset) -> tuple[str, str] | None:
    names = item.get("ConceptNameCodeSequence")
    if not names:
        return None
    return str(names[0].get("CodeValue", "")), str(names[0].get("CodingSchemeDesignator", ""))


def _lengths(group: Dataset) -> Iterator[float]:
    for item in _below(group):
        if item.get("ValueType") == "NUM" and _concept(item) in _LENGTHS:
            for value in item.get("MeasuredValueSequence", ()):
                unit = value.MeasurementUnitsCodeSequence[0].CodeValue
                length = float(value.NumericValue) * {"mm": 1.0, "cm": 10.0}.get(unit, math.nan)
                if length > 0:
                    yield length


def _evidence(report: Dataset) -> Iterator[str]:
    """UIDs of the series that a report refers to."""
    for name in ("CurrentRequestedProcedureEvidenceSequence", "PertinentOtherEvidenceSequence"):
        for study in report.get(name, ()):
            for series in study.get("ReferencedSeriesSequence", ()):
                yield str(series.SeriesInstanceUID)


def _pieces(dataset: Dataset) -> Iterator[MarkedNodule]:
    """Of a segmentation, segment by segment."""
    series = frozenset(
        str(one.SeriesInstanceUID) for one in dataset.get("ReferencedSeriesSequence", ())
    )
    frame = str(dataset.get("FrameOfReferenceUID", ""))
    shared = dataset.SharedFunctionalGroupsSequence[0]
    frames = list(dataset.PerFrameFunctionalGroupsSequence)
    for chosen, masks in _segments(dataset, frames, shared):
        if masks.any():
            for centre, diameter_mm in _connected(masks, [frames[n] for n in chosen], shared):
                yield MarkedNodule(centre, diameter_mm, series, frame)


def _segments(
    dataset: Dataset, frames: Sequence[Dataset], shared: Dataset
) -> Iterator[tuple[list[int], NDArray[np.bool_]]]:
    """Segment by segment which frames are of it, and what of them belongs to it."""
    pixels = dataset.pixel_array.reshape(-1, dataset.Rows, dataset.Columns)
    if dataset.get("SegmentationType") == "LABELMAP":  # each pixel holds its segment's number
        for segment in np.unique(pixels):
            if segment != dataset.get("PixelPaddingValue", 0):
                yield list(range(len(pixels))), pixels == segment
        return
    most = int(dataset.get("MaximumFractionalValue", 1))
    numbers = [_part(f, shared, "SegmentIdentificationSequence") for f in frames]
    of_segment = [int(number.ReferencedSegmentNumber) for number in numbers]
    for segment in sorted(set(of_segment)):
        chosen = [n for n, number in enumerate(of_segment) if number == segment]
        yield chosen, 2 * pixels[chosen].astype(np.int64) >= most


def _connected(
    masks: NDArray[np.bool_], frames: Sequence[Dataset], shared: Dataset
) -> Iterator[tuple[Vector, float]]:
    """Middle and diameter of each piece of one segment; ``masks`` ``[frame, row, column]``."""
    cosines = _part(frames[0], shared, "PlaneOrientationSequence").ImageOrientationPatient
    along_row, along_column = np.asarray(cosines, np.float64).reshape(2, 3)
    measures = _part(frames[0], shared, "PixelMeasuresSequence")
    rows_mm, columns_mm = (float(mm) for mm in measures.PixelSpacing)
    places = np.array(
        [_part(f, shared, "PlanePositionSequence").ImagePositionPatient for f in frames], np.float64
    )
    heights = places @ np.cross(along_row, along_column)
    apart = np.diff(np.unique(heights.round(3)))
    told = measures.get("SpacingBetweenSlices") or measures.get("SliceThickness")
    layer_mm = float(apart.min()) if len(apart) else float(told or 1.0)
    layers = np.rint((heights - heights.min()) / layer_mm).astype(int)
    volume = np.zeros((layers.max() + 1, *masks.shape[1:]), bool)
    corners = np.zeros((len(volume), 3))
    for layer, mask, place in zip(layers, masks, places, strict=True):
        volume[layer] |= mask
        corners[layer] = place
    labels, count = ndimage.label(volume, np.ones((3, 3, 3)))
    for piece, box in zip(range(1, count + 1), ndimage.find_objects(labels), strict=True):
        inside = np.argwhere(labels[box] == piece) + [part.start for part in box]
        _, row, column = inside.mean(0)
        centre = corners[inside[:, 0]].mean(0)
        centre = centre + along_row * columns_mm * column + along_column * rows_mm * row
        mm3 = len(inside) * rows_mm * columns_mm * layer_mm
        yield _vector(centre), math.cbrt(6 * mm3 / math.pi)


def _part(frame: Dataset, shared: Dataset, name: str) -> Dataset:
    """A functional group of a frame, or of all."""
    part: Dataset = (frame if name in frame else shared)[name][0]
    return part


def _vector(point: Points) -> Vector:
    x, y, z = (float(part) for part in point)
    return x, y, z
