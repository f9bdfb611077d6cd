"""Nodules as DICOM tells of them: regions of a structured report, or pieces of a segmentation.

Source: DICOM PS3.3 A.51 and C.8.20 (segmentation), C.18.9 (3D spatial coordinates), PS3.16 TID 1500
and 1410 (measurement groups).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
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
from mitsgan.scan.geometry import Vector

_GROUP = ("125007", "DCM")
_LENGTHS = {("81827009", "SCT"), ("M-02550", "SRT"), ("103339001", "SCT"), ("G-A185", "SRT")}
"""Diameter, and long axis."""

_CENTRED = ("ELLIPSE", "ELLIPSOID")
"""Given by the ends of their axes, whose mean is the middle."""

Points = NDArray[np.float64]


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


def marked_nodules(path: Path) -> tuple[MarkedNodule, ...]:
    """The nodules of a structured report with 3D coordinates, or of a segmentation.

    Each measurement group with a region is taken for a nodule, and each connected piece of each
    segment: what is segmented is to be nodules alone.

    Raises:
        DataError: it is neither, is damaged, or tells places in pixels of images only.
    """
    try:
        dataset = dcmread(path)
    except (OSError, InvalidDicomError, ValueError) as error:
        raise DataError(f"{path} cannot be read as DICOM ({error}); name another list") from error
    try:
        if dataset.get("SOPClassUID") == SegmentationStorage:
            return tuple(_pieces(dataset))
        if "ContentSequence" in dataset:
            return tuple(_regions(dataset, path))
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path} lacks what tells where its regions lie ({error})") from error
    raise DataError(
        f"{path} is neither a structured report nor a segmentation; name one of these, or a list "
        "as .csv, .json or .xml (LIDC)"
    )


def _regions(report: Dataset, path: Path) -> Iterator[MarkedNodule]:
    """Of a report, by its measurement groups."""
    series = frozenset(_evidence(report))
    found = False
    for group in _groups(report):
        shapes = [item for item in _below(group) if item.get("ValueType") == "SCOORD3D"]
        if not shapes:
            continue
        found = True
        points = np.concatenate([_points(shape) for shape in shapes])
        if all(shape.GraphicType in _CENTRED for shape in shapes):
            centre = points.mean(0)
        else:
            centre = (points.min(0) + points.max(0)) / 2
        longest = max(_lengths(group), default=float(np.ptp(points, axis=0).max()))
        frame = str(shapes[0].get("ReferencedFrameOfReferenceUID", ""))
        yield MarkedNodule(_vector(centre), longest, series, frame)
    if not found:
        raise DataError(
            f"{path} tells no region in coordinates of the patient (SCOORD3D); give the "
            "segmentation that it refers to, or a list as .csv, .json or .xml (LIDC)"
        )


def _groups(item: Dataset) -> Iterator[Dataset]:
    """Measurement groups below; what stands outside of them, item by item."""
    for child in item.get("ContentSequence", ()):
        if _concept(child) == _GROUP or child.get("ValueType") == "SCOORD3D":
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


def _points(shape: Dataset) -> Points:
    return np.asarray(shape.GraphicData, np.float64).reshape(-1, 3)


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
    pixels = dataset.pixel_array.reshape(-1, dataset.Rows, dataset.Columns)
    most = int(dataset.get("MaximumFractionalValue", 1))
    numbers = [_part(f, shared, "SegmentIdentificationSequence") for f in frames]
    of_segment = [int(number.ReferencedSegmentNumber) for number in numbers]
    for segment in sorted(set(of_segment)):
        chosen = [n for n, number in enumerate(of_segment) if number == segment]
        masks = 2 * pixels[chosen].astype(np.int64) >= most
        if masks.any():
            for centre, diameter_mm in _connected(masks, [frames[n] for n in chosen], shared):
                yield MarkedNodule(centre, diameter_mm, series, frame)


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
