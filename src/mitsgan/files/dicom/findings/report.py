"""What was found as a structured report: Comprehensive 3D SR by the template Measurement Report.

Source: DICOM PS3.3 A.35.13 (Comprehensive 3D SR), PS3.16 TID 1500, 1501, 1411, 1204, 1004.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from highdicom.seg import Segmentation
from highdicom.sr import (
    Comprehensive3DSR,
    DeviceObserverIdentifyingAttributes,
    Measurement,
    MeasurementReport,
    MeasurementsAndQualitativeEvaluations,
    ObservationContext,
    ObserverContext,
    QualitativeEvaluation,
    ReferencedSegment,
    RelationshipTypeValues,
    SourceImageForMeasurementGroup,
    SourceSeriesForSegmentation,
    TextContentItem,
    TrackingIdentifier,
    VolumetricROIMeasurementsAndQualitativeEvaluations,
)
from highdicom.uid import UID
from pydicom.sr.codedict import codes

from mitsgan import __version__
from mitsgan.files.dicom.findings import codes as ours
from mitsgan.files.dicom.findings.findings import Findings, Layer, Place
from mitsgan.files.dicom.findings.sources import Examined, series_number
from mitsgan.files.dicom.write.header import IMPLEMENTATION_UID
from mitsgan.ownership import NAME

Group = MeasurementsAndQualitativeEvaluations | VolumetricROIMeasurementsAndQualitativeEvaluations
_LONGEST_TEXT = 10_000


@dataclass(frozen=True, eq=False)
class Segments:
    """A segmentation of a layer, and which places have a segment in it, from 1 in this order."""

    layer: Layer
    segmentation: Segmentation | None
    places: tuple[int, ...]


def report(findings: Findings, scan: Examined, segments: Sequence[Segments]) -> Comprehensive3DSR:
    """The report, which refers to everything that was examined and to the segmentations."""
    groups: list[Group] = [_verdict(findings, scan)]
    for layer in segments:
        for number, place in enumerate(layer.layer.places, start=1):
            groups.append(_place(place, number, layer, scan))
    content = MeasurementReport(
        observation_context=_observer(),
        procedure_reported=ours.COMPUTED_TOMOGRAPHY,
        imaging_measurements=groups,
        title=codes.DCM.ImagingMeasurementReport,
    )
    written = [one.segmentation for one in segments if one.segmentation is not None]
    return Comprehensive3DSR(
        evidence=[*scan.datasets, *written],
        content=content[0],
        series_instance_uid=UID(),
        series_number=series_number(scan, 1),
        sop_instance_uid=UID(),
        instance_number=1,
        manufacturer=NAME,
        manufacturer_model_name=f"{NAME} verify",
        software_versions=__version__,
        device_serial_number=__version__,
        is_complete=True,
        is_final=True,
        specific_character_set="ISO_IR 192",
        series_description=f"Integrity: {findings.verdict} ({NAME} {__version__})",
        coding_schemes=[ours.scheme()],
    )


def _observer() -> ObservationContext:
    return ObservationContext(
        observer_device_context=ObserverContext(
            observer_type=codes.DCM.Device,
            observer_identifying_attributes=DeviceObserverIdentifyingAttributes(
                uid=IMPLEMENTATION_UID,
                name=f"{NAME} {__version__}",
                manufacturer_name=NAME,
                model_name=f"{NAME} verify",
                serial_number=__version__,
            ),
        )
    )


def _verdict(findings: Findings, scan: Examined) -> MeasurementsAndQualitativeEvaluations:
    """What holds for the whole scan; it refers to every instance that was examined."""
    verdicts = {"scan": findings.verdict, **findings.verdicts}
    group = MeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(uid=UID(), identifier="verdict"),
        finding_type=ours.INTEGRITY,
        qualitative_evaluations=[
            QualitativeEvaluation(ours.verdict_name(layer), ours.verdict_code(verdict))
            for layer, verdict in verdicts.items()
        ],
        source_images=[
            SourceImageForMeasurementGroup(dataset.SOPClassUID, dataset.SOPInstanceUID)
            for dataset in scan.datasets
        ],
    )
    _append(group, findings.sentences)
    return group


def _place(
    place: Place, number: int, segments: Segments, scan: Examined
) -> VolumetricROIMeasurementsAndQualitativeEvaluations | MeasurementsAndQualitativeEvaluations:
    """One region; one of which no slice is there any more has no segment to refer to."""
    tracking = TrackingIdentifier(uid=UID(), identifier=f"{segments.layer.name}: {place.name}")
    measurements = [
        Measurement(ours.quantity_name(quantity), round(value, 3), ours.unit(quantity))
        for quantity, value in place.quantities.items()
    ]
    group: Group
    if segments.segmentation is None or number not in segments.places:
        group = MeasurementsAndQualitativeEvaluations(
            tracking_identifier=tracking, finding_type=ours.ALTERED, measurements=measurements
        )
    else:
        group = VolumetricROIMeasurementsAndQualitativeEvaluations(
            tracking_identifier=tracking,
            finding_type=ours.ALTERED,
            referenced_segment=ReferencedSegment(
                segments.segmentation.SOPClassUID,
                segments.segmentation.SOPInstanceUID,
                segments.places.index(number) + 1,
                source_series=SourceSeriesForSegmentation(scan.first.SeriesInstanceUID),
            ),
            measurements=measurements,
        )
    _append(group, _sentences(place))
    return group


def _sentences(place: Place) -> list[tuple[str, str]]:
    z, y, x = (f"{a}-{b - 1}" for a, b in zip(place.start, place.stop, strict=True))
    centre, low, high = (
        ", ".join(f"{mm:.1f}" for mm in point)
        for point in (place.centre_mm, place.lower_mm, place.upper_mm)
    )
    measured = [
        ("Voxels", f"slices {z}, rows {y}, columns {x} of {place.grid}, counted from 0"),
        ("Position", f"centre {centre} mm (LPS), from {low} to {high} mm"),
    ]
    return [*measured, ("Note", place.note)] if place.note else measured


def _append(group: Group, sentences: Sequence[tuple[str, str]]) -> None:
    """Sentences into a measurement group: the template may be extended."""
    group[0].ContentSequence.extend(
        TextContentItem(
            ours.sentence_name(about), text[:_LONGEST_TEXT], RelationshipTypeValues.CONTAINS
        )
        for about, text in sentences
    )
