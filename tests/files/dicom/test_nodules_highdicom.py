"""Nodules that an independent library has written: highdicom's segmentations and reports."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from mitsgan.files import read_scan
from mitsgan.jobs.candidates.nodules import nodules_of


@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL", "LABELMAP"])
def test_what_highdicom_segments_is_read(
    tmp_path: Path, make_series: Callable[..., Path], kind: str
) -> None:
    seg = pytest.importorskip("highdicom.seg")
    from highdicom import AlgorithmIdentificationSequence
    from pydicom.sr.codedict import codes

    folder, slices = _described(make_series(tmp_path / "series"))
    mask = np.zeros((5, 6, 8), np.uint8)
    mask[1:4, 1:5, 2:6] = 1
    algorithm = AlgorithmIdentificationSequence("a", codes.cid7162.ArtificialIntelligence, "1")
    written = seg.Segmentation(
        source_images=slices,
        pixel_array=mask,
        segmentation_type=kind,
        segment_descriptions=[
            seg.SegmentDescription(
                1, "nodule", codes.SCT.Lesion, codes.SCT.Nodule, "AUTOMATIC", algorithm
            )
        ],
        series_instance_uid=generate_uid(),
        series_number=1,
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer="m",
        manufacturer_model_name="m",
        software_versions="1",
        device_serial_number="1",
    )
    written.save_as(tmp_path / "seg.dcm")
    (nodule,) = nodules_of(read_scan(folder), [tmp_path / "seg.dcm"], 3)
    assert nodule.voxel == pytest.approx((2, 2.5, 3.5))
    assert nodule.diameter_mm == pytest.approx((6 * 48 * 0.75 / np.pi) ** (1 / 3))


def test_what_highdicom_outlines_in_a_slice_is_read(
    tmp_path: Path, make_series: Callable[..., Path]
) -> None:
    sr = pytest.importorskip("highdicom.sr")
    from highdicom.spatial import ImageToReferenceTransformer
    from pydicom.sr.codedict import codes

    folder, slices = _described(make_series(tmp_path / "series"))
    outline = np.array([(2.0, 1.0), (6.0, 1.0), (6.0, 4.0), (2.0, 4.0), (2.0, 1.0)])
    region = sr.ImageRegion(
        sr.GraphicTypeValues.POLYLINE, outline, sr.SourceImageForRegion.from_source_image(slices[2])
    )
    group = sr.PlanarROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(generate_uid(), "nodule"),
        referenced_region=region,
    )
    person = sr.ObserverContext(
        codes.DCM.Person, sr.PersonObserverIdentifyingAttributes(name="Reader^")
    )
    content = sr.MeasurementReport(
        observation_context=sr.ObservationContext(observer_person_context=person),
        procedure_reported=codes.LN.CTUnspecifiedBodyRegion,
        imaging_measurements=[group],
    )
    written = sr.ComprehensiveSR(
        evidence=slices,
        content=content[0],
        series_instance_uid=generate_uid(),
        series_number=1,
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer="m",
    )
    written.save_as(tmp_path / "report.dcm")
    scan = read_scan(folder)
    (nodule,) = nodules_of(scan, [tmp_path / "report.dcm"], 3)
    to_world = ImageToReferenceTransformer(
        slices[2].ImagePositionPatient, slices[2].ImageOrientationPatient, slices[2].PixelSpacing
    )
    (middle,) = to_world(np.array([(4.0, 2.5)]))
    assert scan.geometry.to_world(nodule.voxel) == pytest.approx(tuple(middle))
    assert nodule.diameter_mm == pytest.approx(np.ptp(to_world(outline), axis=0).max())


def _described(folder: Path) -> tuple[Path, list[Dataset]]:
    """A series, and its slices with what highdicom asks for of a patient and study."""
    slices = sorted((dcmread(p) for p in folder.iterdir()), key=lambda d: d.ImagePositionPatient[2])
    for one in slices:
        one.PatientName = "Phantom^"
        one.PatientID = one.PatientBirthDate = one.PatientSex = one.StudyID = ""
        one.AccessionNumber = one.StudyDate = one.StudyTime = ""
    return folder, list(slices)
