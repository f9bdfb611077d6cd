"""Nodules that reports and segmentations tell of, made in the test."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import (
    UID,
    Comprehensive3DSRStorage,
    ExplicitVRLittleEndian,
    SegmentationStorage,
    generate_uid,
)

from mitsgan.errors import DataError, PositionError
from mitsgan.files import read_scan
from mitsgan.files.dicom.nodules import marked_nodules
from mitsgan.files.dicom.source import DicomSource
from mitsgan.jobs.candidates.nodules import nodules_of
from mitsgan.scan.scan import Scan

SERIES = "1.2.3.4"


def _item(**values: object) -> Dataset:
    item = Dataset()
    for name, value in values.items():
        setattr(
            item,
            name,
            Items(value) if isinstance(value, list) and name[-8:] == "Sequence" else value,
        )
    return item


def _code(value: str, scheme: str) -> Dataset:
    return _item(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning="what it means")


def _save(path: Path, kind: UID, dataset: Dataset) -> Path:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = kind
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    file = FileDataset(str(path), dataset, file_meta=meta, preamble=bytes(128))
    file.SOPClassUID = kind
    file.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    file.save_as(path, enforce_file_format=True)
    return path


def _shape(kind: str, points: Sequence[Sequence[float]]) -> Dataset:
    flat = [float(part) for point in points for part in point]
    return _item(
        ValueType="SCOORD3D",
        RelationshipType="CONTAINS",
        GraphicType=kind,
        GraphicData=flat,
        ReferencedFrameOfReferenceUID="1.2.3.5",
    )


def _flat_shape(
    kind: str, points: Sequence[Sequence[float]], uid: str, frame: int | list[int] | None = None
) -> Dataset:
    """A region in the pixels of an image."""
    image = _item(ReferencedSOPInstanceUID=uid)
    if frame is not None:
        image.ReferencedFrameNumber = frame
    source = _item(ValueType="IMAGE", ReferencedSOPSequence=[image])
    source.RelationshipType = "SELECTED FROM"
    return _item(
        ValueType="SCOORD",
        RelationshipType="CONTAINS",
        GraphicType=kind,
        GraphicData=[float(part) for point in points for part in point],
        ContentSequence=[source],
    )


def _length(mm: float, unit: str = "mm", concept: str = "81827009") -> Dataset:
    value = _item(NumericValue=str(mm), MeasurementUnitsCodeSequence=[_code(unit, "UCUM")])
    return _item(
        ValueType="NUM",
        RelationshipType="CONTAINS",
        ConceptNameCodeSequence=[_code(concept, "SCT")],
        MeasuredValueSequence=[value],
    )


def _report(path: Path, *groups: Sequence[Dataset], concept: str = "125007") -> Path:
    made = [
        _item(
            ValueType="CONTAINER",
            RelationshipType="CONTAINS",
            ConceptNameCodeSequence=[_code(concept, "DCM")],
            ContentSequence=list(items),
        )
        for items in groups
    ]
    all_of_them = _item(ValueType="CONTAINER", RelationshipType="CONTAINS", ContentSequence=made)
    series = _item(SeriesInstanceUID=SERIES)
    evidence = _item(StudyInstanceUID="1.2.3", ReferencedSeriesSequence=[series])
    report = _item(
        ValueType="CONTAINER",
        ContentSequence=[all_of_them],
        CurrentRequestedProcedureEvidenceSequence=[evidence],
    )
    return _save(path, Comprehensive3DSRStorage, report)


def _segmentation(path: Path, masks: NDArray[np.bool_], segments: Sequence[int]) -> Path:
    """Frames of 0.75 x 0.5 mm pixels, 2 mm apart, on the grid of the usual series."""
    shared = _item(
        PlaneOrientationSequence=[_item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])],
        PixelMeasuresSequence=[_item(PixelSpacing=[0.5, 0.75], SliceThickness="2.0")],
    )
    frames = [
        _item(
            PlanePositionSequence=[_item(ImagePositionPatient=[-10.0, -20.0, 100.0 + 2.0 * k])],
            SegmentIdentificationSequence=[_item(ReferencedSegmentNumber=segment)],
        )
        for k, segment in zip(np.arange(len(masks)) % 5, segments, strict=True)
    ]
    dataset = _item(
        SharedFunctionalGroupsSequence=[shared],
        PerFrameFunctionalGroupsSequence=frames,
        ReferencedSeriesSequence=[_item(SeriesInstanceUID=SERIES)],
        NumberOfFrames=len(masks),
        Rows=masks.shape[1],
        Columns=masks.shape[2],
        SamplesPerPixel=1,
        PhotometricInterpretation="MONOCHROME2",
        BitsAllocated=1,
        BitsStored=1,
        HighBit=0,
        PixelRepresentation=0,
    )
    dataset.add_new(0x7FE00010, "OB", np.packbits(masks.ravel(), bitorder="little").tobytes())
    return _save(path, SegmentationStorage, dataset)


def test_regions_of_a_report_are_nodules(tmp_path: Path) -> None:
    square = [(0, 0, 5), (4, 0, 5), (4, 6, 5), (0, 6, 5), (0, 0, 5)]
    ball = [(-3, 1, 1), (5, 1, 1), (1, -3, 1), (1, 5, 1), (1, 1, -3), (1, 1, 5)]
    path = _report(
        tmp_path / "report.dcm",
        [_shape("POLYGON", square)],
        [_shape("ELLIPSOID", ball), _length(1.1, "cm")],
        [_shape("POINT", [(7, 8, 9)])],
        [_length(5.0)],
    )
    outlined, measured, point = marked_nodules(path)
    assert (outlined.world, outlined.diameter_mm) == ((2.0, 3.0, 5.0), 6.0)
    assert measured.world == (1.0, 1.0, 1.0)
    assert measured.diameter_mm == pytest.approx(11.0)
    assert (point.world, point.diameter_mm) == ((7.0, 8.0, 9.0), 0.0)
    assert {one.series for one in (outlined, measured, point)} == {frozenset({SERIES})}


def test_connected_pieces_of_segments_are_nodules(tmp_path: Path) -> None:
    masks = np.zeros((6, 6, 8), bool)
    masks[0, 0, 0] = True  # of the first segment, apart from the next
    masks[2:4, 2:4, 4:6] = True
    masks[5, 5, 7] = True  # of the second, which begins at the bottom again
    path = _segmentation(tmp_path / "seg.dcm", masks, [1, 1, 1, 1, 1, 2])
    corner, block, other = marked_nodules(path)
    assert corner.world == (-10.0, -20.0, 100.0)
    assert block.world == pytest.approx((-10 + 0.75 * 4.5, -20 + 0.5 * 2.5, 105))
    assert block.diameter_mm == pytest.approx((6 * 8 * 0.75 / np.pi) ** (1 / 3))
    assert other.world == (-10 + 0.75 * 7, -20 + 0.5 * 5, 100.0)


def test_nodules_are_those_of_the_scan(tmp_path: Path, make_series: Callable[..., Path]) -> None:
    scan = read_scan(make_series(tmp_path / "series"))
    place = scan.geometry.to_world((2, 3, 4))
    path = _report(tmp_path / "report", [_shape("POINT", [place])])  # no ending tells what it is
    (nodule,) = nodules_of(scan, [path], 3)
    assert nodule.voxel == pytest.approx((2, 3, 4))
    outside = _report(tmp_path / "outside.dcm", [_shape("POINT", [(900, 0, 0)])])
    with pytest.raises(PositionError, match="outside the scan"):
        nodules_of(scan, [outside], 3)

    def of_another(_: int, ds: FileDataset) -> None:
        ds.SeriesInstanceUID = "1.2.9"

    other = read_scan(make_series(tmp_path / "other", change=of_another))
    with pytest.raises(DataError, match="lists no nodule of this scan"):
        nodules_of(other, [path], 3)


def test_nodules_of_an_earlier_examination_are_left_out(
    tmp_path: Path, make_series: Callable[..., Path]
) -> None:
    """Their positions are in another frame of reference, and were taken for those of this scan."""

    def framed(_: int, ds: FileDataset) -> None:
        ds.FrameOfReferenceUID = "1.2.3.5"

    scan = read_scan(make_series(tmp_path / "series", change=framed))
    now = _shape("POINT", [scan.geometry.to_world((2, 3, 4))])
    before = _shape("POINT", [scan.geometry.to_world((1, 1, 1))])
    before.ReferencedFrameOfReferenceUID = "1.2.3.6"
    (nodule,) = nodules_of(scan, [_report(tmp_path / "both.dcm", [before], [now])], 3)
    assert nodule.voxel == pytest.approx((2, 3, 4))
    earlier = _report(tmp_path / "before.dcm", [before])
    with pytest.raises(DataError, match="lists no nodule of this scan"):
        nodules_of(scan, [earlier], 3)


@pytest.mark.parametrize("concept", ["125007", "111059"])
def test_regions_in_pixels_of_slices_are_nodules(
    tmp_path: Path, make_series: Callable[..., Path], concept: str
) -> None:
    """As viewers and chest CAD write them: two diameters in one slice, a circle, a point."""
    scan = read_scan(make_series(tmp_path / "series"))
    assert isinstance(scan.source, DicomSource)
    uids = [frame.file.instance for frame in scan.source.slices]
    across = _flat_shape("POLYLINE", [(1.5, 2.5), (5.5, 4.5)], uids[1])
    along = _flat_shape("POLYLINE", [(3.0, 4.0), (4.0, 3.0)], uids[1])
    circle = _flat_shape("CIRCLE", [(4.5, 3.5), (4.5, 4.5)], uids[3], 1)
    elsewhere = _flat_shape("POINT", [(1.0, 1.0)], "1.2.3.99")
    path = _report(
        tmp_path / "report.dcm",
        [across, along, _length(9.0, concept="410668003")],
        [elsewhere],
        [elsewhere, circle],
        [_flat_shape("POINT", [(2.5, 0.5)], uids[4], [1, 2])],
        concept=concept,
    )
    measured, round_one, point = nodules_of(scan, [path], 3)
    assert measured.voxel == pytest.approx((1, 3, 3))
    assert measured.diameter_mm == 9.0
    assert round_one.voxel == pytest.approx((3, 3, 4))
    assert round_one.diameter_mm == pytest.approx(2 * max(scan.spacing[1:]))
    assert point.voxel == pytest.approx((4, 0, 2))


def test_regions_in_pixels_of_other_slices_are_none_of_this_scan(
    tmp_path: Path, make_series: Callable[..., Path]
) -> None:
    scan = read_scan(make_series(tmp_path / "series"))
    path = _report(tmp_path / "report.dcm", [_flat_shape("POINT", [(1.0, 1.0)], "1.2.3.99")])
    with pytest.raises(DataError, match="lists no nodule of this scan"):
        nodules_of(scan, [path], 3)
    with pytest.raises(DataError, match=r"in pixels of DICOM slices \(SCOORD\); give the scan as"):
        nodules_of(replace(scan, source=None), [path], 3)
    bent = _report(tmp_path / "bent.dcm", [_flat_shape("POINT", [(1.0,)], _first(scan))])
    with pytest.raises(DataError, match="lacks what tells where its regions lie"):
        nodules_of(scan, [bent], 3)


def _first(scan: Scan) -> str:
    assert isinstance(scan.source, DicomSource)
    return scan.source.slices[0].file.instance


def test_a_frame_of_reference_for_each_slice_keeps_no_nodule_out(
    tmp_path: Path, make_series: Callable[..., Path]
) -> None:
    """LIDC-IDRI-0001 was published so, and what was marked was taken for that of another scan."""

    def framed(k: int, ds: FileDataset) -> None:
        ds.FrameOfReferenceUID = f"1.2.3.{4 + k}"

    scan = read_scan(make_series(tmp_path / "series", change=framed))
    solid = _shape("POINT", [scan.geometry.to_world((2, 3, 4))])
    flat = _flat_shape("POINT", [(3.5, 2.5)], _first(scan))
    path = _report(tmp_path / "report.dcm", [solid], [flat])
    assert [n.voxel for n in nodules_of(scan, [path], 3)] == [
        pytest.approx((2, 3, 4)),
        pytest.approx((0, 2, 3)),
    ]


def test_what_tells_no_place_is_refused(tmp_path: Path, make_series: Callable[..., Path]) -> None:
    with pytest.raises(DataError, match="no region, neither in coordinates of the patient"):
        marked_nodules(_report(tmp_path / "report.dcm", [_length(4.0)]))
    image = next(make_series(tmp_path / "series").iterdir())
    with pytest.raises(DataError, match="neither a structured report nor a segmentation"):
        marked_nodules(image)
    with pytest.raises(DataError, match="cannot be read as DICOM"):
        marked_nodules(tmp_path / "missing.dcm")
    bare = _save(tmp_path / "bare.dcm", SegmentationStorage, Dataset())
    with pytest.raises(DataError, match="lacks what tells where"):
        marked_nodules(bare)
