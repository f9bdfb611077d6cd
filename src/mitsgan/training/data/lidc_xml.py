"""The four readers' contours of LIDC-IDRI, and the nodules that they agree on.

A reader drew, slice by slice, the first pixels outside each nodule of 3 mm or more; of smaller
ones there is one pixel, which says no size. Source: Armato et al., Medical Physics 38:915-931,
2011, and McNitt-Gray et al., Academic Radiology 14:1464-1474, 2007.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from dataclasses import dataclass
from math import pi
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mitsgan.errors import DataError
from mitsgan.scan.order import UNCHANGED, AxisOrder
from mitsgan.scan.scan import Scan

World = tuple[float, float, float]

_FEWEST_POINTS = 3
_TILTED = 1e-3


@dataclass(frozen=True)
class Contour:
    """One closed line in one slice.

    Attributes:
        z_mm: *Image Position (Patient)* z of the slice.
        points: ``[n, 2]``, column and row of each pixel, from 0.
        inside: whether what it encloses belongs to the nodule, or is a hole in it.
    """

    z_mm: float
    points: NDArray[np.float64]
    inside: bool

    @property
    def area(self) -> float:
        """In pixels; negative for a hole."""
        x, y = self.points.T
        area = abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2
        return area if self.inside else -area

    @property
    def centre(self) -> NDArray[np.float64]:
        """Column and row."""
        return np.asarray((self.points.max(0) + self.points.min(0)) / 2)


@dataclass(frozen=True)
class ReaderMark:
    """What one reader drew of one nodule of 3 mm or more."""

    reader: int
    contours: tuple[Contour, ...]


def read_lidc(path: Path) -> tuple[str, tuple[ReaderMark, ...]]:
    """The series that an XML file of LIDC-IDRI is about, and its readers' marks.

    Raises:
        DataError: it is no such file, or damaged.
    """
    try:
        root = ElementTree.fromstring(_without_entities(path))
    except ElementTree.ParseError as error:
        raise DataError(f"{path} is no well-formed XML ({error}); fetch it again") from error
    for element in root.iter():
        element.tag = element.tag.rsplit("}", 1)[-1]
    series = (root.findtext("ResponseHeader/SeriesInstanceUid") or "").strip()
    if root.tag != "LidcReadMessage" or not series:
        raise DataError(
            f"{path} is no reading of LIDC-IDRI: expected LidcReadMessage with SeriesInstanceUid, "
            f"found {root.tag}; take the XML that belongs to the CT series"
        )
    marks = []
    for reader, session in enumerate(root.iter("readingSession")):
        for nodule in session.iter("unblindedReadNodule"):
            contours = tuple(_contour(roi, path) for roi in nodule.iter("roi"))
            drawn = tuple(c for c in contours if len(c.points) >= _FEWEST_POINTS)
            if sum(contour.area for contour in drawn) > 0:
                marks.append(ReaderMark(reader, drawn))
    return series, tuple(marks)


def agreed(
    marks: Sequence[ReaderMark],
    scan: Scan,
    readers: int,
    path: Path,
    pixels: AxisOrder = UNCHANGED,
) -> list[tuple[World, float]]:
    """The nodules that at least so many readers marked: centre in LPS mm, and diameter in mm.

    Marks are of one nodule where their centres are nearer than the larger radius. The diameter is
    that of the sphere of the volume drawn; both are means over the readers. Where a patient lay
    prone, the rows and columns of the DICOM slices run against the scan's: ``pixels`` says so.

    Raises:
        DataError: a contour lies in no slice of the scan, or the scan is not axial.
    """
    _check_axial(scan, path, pixels)
    measured = [(mark.reader, *_measure(mark, scan, path, pixels)) for mark in marks]
    groups: list[list[tuple[int, NDArray[np.float64], float]]] = []
    for mark in sorted(measured, key=lambda m: -m[2]):
        _, centre, _ = mark
        for group in groups:
            _, first, diameter = group[0]
            if np.linalg.norm(centre - first) < diameter / 2:
                group.append(mark)
                break
        else:
            groups.append([mark])
    nodules = []
    for group in groups:
        if len({reader for reader, _, _ in group}) < readers:
            continue
        x, y, z = np.mean([centre for _, centre, _ in group], 0).tolist()
        nodules.append(((x, y, z), float(np.mean([diameter for _, _, diameter in group]))))
    return nodules


def _measure(
    mark: ReaderMark, scan: Scan, path: Path, pixels: AxisOrder
) -> tuple[NDArray[np.float64], float]:
    """Centre in LPS mm and diameter in mm, from the areas drawn."""
    depth, height, width = scan.spacing
    z_origin, z_step = scan.geometry.origin[2], scan.geometry.axes[0][2] * depth
    areas, centres = [], []
    for contour in mark.contours:
        index = (contour.z_mm - z_origin) / z_step
        if abs(index - round(index)) > 0.25 or not 0 <= round(index) < scan.shape[0]:
            last = z_origin + z_step * (scan.shape[0] - 1)
            raise DataError(
                f"{path}: a reader's contour lies at z {contour.z_mm:g} mm, where the scan has no "
                f"slice (it has them from {z_origin:g} to {last:g} mm, {depth:g} mm apart); take "
                f"the XML that belongs to this CT series"
            )
        column, row = contour.centre
        _, flip_rows, flip_columns = pixels.flips
        row = scan.shape[1] - 1 - row if flip_rows else row
        column = scan.shape[2] - 1 - column if flip_columns else column
        areas.append(contour.area)
        centres.append(scan.geometry.to_world((round(index), row, column)))
    volume = sum(areas) * height * width * depth
    weights = np.asarray(areas) / sum(areas)
    return np.asarray(weights @ np.asarray(centres)), (6 * volume / pi) ** (1 / 3)


def _contour(roi: ElementTree.Element, path: Path) -> Contour:
    try:
        points = [
            (float(edge.findtext("xCoord", "")), float(edge.findtext("yCoord", "")))
            for edge in roi.iter("edgeMap")
        ]
        z = float(roi.findtext("imageZposition", ""))
    except ValueError as error:
        raise DataError(
            f"{path}: a contour with a coordinate that is no number ({error})"
        ) from None
    inside = (roi.findtext("inclusion") or "TRUE").strip().upper() != "FALSE"
    return Contour(z, np.asarray(points, np.float64).reshape(-1, 2), inside)


def _check_axial(scan: Scan, path: Path, pixels: AxisOrder) -> None:
    """Contours count pixels of the DICOM slices: in an image turned otherwise they mislead."""
    expected = np.array([[0, 0, 1], [0, 1, 0], [1, 0, 0]], np.float64)
    axial = np.allclose(np.asarray(scan.geometry.axes), expected, atol=_TILTED)
    if not axial or pixels.axes != UNCHANGED.axes:
        raise DataError(
            f"{path} counts pixels of the DICOM slices, and this scan's rows or columns run the "
            f"other way; give the DICOM series itself, or a CSV with world coordinates"
        )


def _without_entities(path: Path) -> bytes:
    """The file, unless it declares entities: expanded within each other they fill any memory."""
    text = path.read_bytes()
    if b"<!DOCTYPE" in text or b"<!ENTITY" in text:
        raise DataError(f"{path} declares a document type, which no reading of LIDC-IDRI does")
    return text
