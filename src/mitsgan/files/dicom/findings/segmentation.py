"""Flagged places as a DICOM Segmentation, a segment each, on the slices that were examined.

Source: DICOM PS3.3 A.51 and C.8.20 (segmentation).
"""

from __future__ import annotations

import numpy as np
from highdicom import AlgorithmIdentificationSequence
from highdicom.seg import (
    SegmentAlgorithmTypeValues,
    Segmentation,
    SegmentationTypeValues,
    SegmentDescription,
)
from highdicom.uid import UID
from numpy.typing import NDArray
from pydicom.sr.codedict import codes

from mitsgan import __version__
from mitsgan.files.dicom.findings import codes as ours
from mitsgan.files.dicom.findings.findings import Layer, Place
from mitsgan.files.dicom.findings.sources import Examined, as_one_stack, series_number
from mitsgan.ownership import NAME

_DESCRIPTION_LENGTH = 64


def segmentation(
    layer: Layer, scan: Examined, series: UID, number: int
) -> tuple[Segmentation, tuple[int, ...]] | None:
    """The places of a layer, and the numbers of those that have pixels, from 1.

    Places that no slice meets, as where slices are missing, have no segment. None where that is so
    of all.

    Args:
        layer: what was flagged.
        scan: what was examined.
        series: the UID of the series to be.
        number: of the instance in it.

    Raises:
        ScanError: the slices are not one stack.
    """
    labels = _labels(layer, scan)
    numbers = tuple(int(n) for n in np.unique(labels) if n)
    if not numbers:
        return None
    compact = np.searchsorted([0, *numbers], labels).astype(
        np.uint16 if len(numbers) > 255 else np.uint8
    )
    filled = [bool(plane.any()) for plane in compact]
    datasets = as_one_stack(scan, filled)
    if not scan.is_multiframe:
        compact = compact[filled]
    result = Segmentation(
        source_images=datasets,
        pixel_array=compact,
        segmentation_type=SegmentationTypeValues.BINARY,
        segment_descriptions=[
            _segment(n, layer.places[number - 1], layer)
            for n, number in enumerate(numbers, start=1)
        ],
        series_instance_uid=series,
        series_number=series_number(scan, 0),
        sop_instance_uid=UID(),
        instance_number=number,
        manufacturer=NAME,
        manufacturer_model_name=f"{NAME} verify",
        software_versions=__version__,
        device_serial_number=__version__,
        content_description=layer.description[:_DESCRIPTION_LENGTH],
        content_label=layer.name.upper()[:16],
        series_description=f"Flagged regions ({NAME} {__version__})",
        coding_schemes=[ours.scheme()],
        specific_character_set="ISO_IR 192",
    )
    return result, numbers


def _labels(layer: Layer, scan: Examined) -> NDArray[np.int32]:
    labels = np.zeros((len(scan.frames), *scan.size), np.int32)
    for plane, frame in zip(labels, scan.frames, strict=True):
        shown = layer.shape.on(frame, scan.size)
        if shown is not None:
            plane[:] = shown
    return labels


def _segment(number: int, place: Place, layer: Layer) -> SegmentDescription:
    return SegmentDescription(
        segment_number=number,
        segment_label=place.name[:_DESCRIPTION_LENGTH],
        segmented_property_category=ours.SPATIAL_CONCEPT,
        segmented_property_type=ours.ALTERED,
        algorithm_type=SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=AlgorithmIdentificationSequence(
            name=f"{NAME} verify, {layer.name}",
            family=codes.cid7162.MultiScaleResolutionFiltering,
            version=__version__,
        ),
        tracking_uid=UID(),
        tracking_id=place.name[:_DESCRIPTION_LENGTH],
    )
