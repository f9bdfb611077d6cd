"""The phantom as a DICOM CT series: source data, made from nothing.

Writes CT Image Storage objects (PS3.3 A.3) of an invented patient, complete in the attributes
that the standard requires (type 1) or requires to be present (type 2).
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import (
    PYDICOM_IMPLEMENTATION_UID,
    UID,
    CTImageStorage,
    ExplicitVRLittleEndian,
    generate_uid,
)

from mitsgan.atomic import atomic_output
from mitsgan.errors import ScanError
from mitsgan.phantom.chest import Phantom
from mitsgan.scan.scan import Scan

_DATE, _TIME = "20240102", "030405"


def phantom_series(scan: Scan, folder: Path) -> list[Path]:
    """Write a phantom as a DICOM series, one file per slice, from the head down.

    The UIDs derive from the voxels and the geometry: the same phantom gives the same files.

    Args:
        scan: what `mitsgan.phantom.chest.chest` returned, unchanged.
        folder: made by this call.

    Returns:
        The files, in the order of their Instance Number.

    Raises:
        ScanError: the scan is not a phantom, or its voxels are no longer those of the phantom;
            nothing that was tampered with can be written this way.
        OutputError: the folder exists, or cannot be written. Nothing is left behind.
    """
    phantom = scan.source
    if not isinstance(phantom, Phantom):
        raise ScanError(
            "only a phantom can be written as a new DICOM series, found a scan that was not made "
            "by mitsgan.phantom.chest.chest; a protected scan is derived from its own source"
        )
    if not phantom.is_of(scan):
        raise ScanError(
            "the voxels of this scan are not those of the phantom it comes from; "
            "an altered scan cannot be written as a new DICOM series"
        )
    with atomic_output(folder, folder=True) as place:
        names = [_write_slice(scan, phantom, number, place) for number in range(len(scan.stored))]
    return [folder / name for name in names]


def _write_slice(scan: Scan, phantom: Phantom, number: int, folder: Path) -> str:
    """Write slice ``number``, counted from the head; the name of its file."""
    name = f"IM{number + 1:05d}.dcm"
    _slice(scan, phantom, number).save_as(folder / name, enforce_file_format=True)
    return name


def _slice(scan: Scan, phantom: Phantom, number: int) -> FileDataset:
    """The object for slice ``number``, counted from the head."""
    index = len(scan.stored) - 1 - number
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = _uid(scan, phantom, f"instance {number}")
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = PYDICOM_IMPLEMENTATION_UID
    dataset = FileDataset("", {}, preamble=b"\0" * 128, file_meta=meta)
    _identify(dataset, scan, phantom)
    # General Image, Image Plane, CT Image (PS3.3 C.7.6.1, C.7.6.2, C.8.2.1)
    dataset.SOPClassUID = CTImageStorage
    dataset.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.InstanceNumber = number + 1
    dataset.AcquisitionNumber = 1
    dataset.AcquisitionDate = dataset.ContentDate = _DATE
    dataset.AcquisitionTime = dataset.ContentTime = _TIME
    dz, dy, dx = scan.spacing
    _, down, right = scan.geometry.axes
    position = scan.geometry.to_world((index, 0, 0))
    dataset.PixelSpacing = [_decimal(dy), _decimal(dx)]
    dataset.SliceThickness = _decimal(dz)
    dataset.SpacingBetweenSlices = _decimal(dz)
    dataset.ImageOrientationPatient = [_decimal(v) for v in (*right, *down)]
    dataset.ImagePositionPatient = [_decimal(v) for v in position]
    dataset.SliceLocation = _decimal(position[2])
    dataset.KVP = "120"
    dataset.ConvolutionKernel = "ANALYTIC"
    dataset.RescaleIntercept = _decimal(scan.intercept[index])
    dataset.RescaleSlope = _decimal(scan.slope[index])
    dataset.RescaleType = "HU"
    dataset.WindowCenter = ["-600", "40"]
    dataset.WindowWidth = ["1500", "400"]
    dataset.WindowCenterWidthExplanation = ["LUNG", "SOFT TISSUE"]
    # Image Pixel (PS3.3 C.7.6.3)
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows, dataset.Columns = scan.shape[1:]
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit = 15
    dataset.PixelRepresentation = 1
    if scan.padding is not None:
        dataset.PixelPaddingValue = int(scan.padding[0])
    dataset.PixelData = np.ascontiguousarray(scan.stored[index], "<i2").tobytes()
    return dataset


def _identify(dataset: FileDataset, scan: Scan, phantom: Phantom) -> None:
    """Patient, study, series, frame of reference and equipment (PS3.3 C.7.1 to C.7.5)."""
    dataset.SpecificCharacterSet = "ISO_IR 100"
    dataset.PatientName = "PHANTOM^CHEST"
    dataset.PatientID = f"PHANTOM-{phantom.seed}"
    dataset.PatientBirthDate = ""
    dataset.PatientSex = "O"
    dataset.PatientPosition = "HFS"
    dataset.StudyDate = dataset.SeriesDate = _DATE
    dataset.StudyTime = dataset.SeriesTime = _TIME
    dataset.ReferringPhysicianName = ""
    dataset.AccessionNumber = ""
    dataset.StudyID = "1"
    dataset.StudyDescription = "Synthetic chest"
    dataset.SeriesDescription = "Chest phantom"
    dataset.SeriesNumber = 1
    dataset.Modality = "CT"
    dataset.BodyPartExamined = "CHEST"
    dataset.StudyInstanceUID = _uid(scan, phantom, "study")
    dataset.SeriesInstanceUID = _uid(scan, phantom, "series")
    dataset.FrameOfReferenceUID = _uid(scan, phantom, "frame of reference")
    dataset.PositionReferenceIndicator = ""
    dataset.Manufacturer = "mitsgan"
    dataset.ManufacturerModelName = "chest phantom"


def _uid(scan: Scan, phantom: Phantom, what: str) -> UID:
    """A UID that the phantom's voxels, its geometry and ``what`` determine."""
    place = repr((scan.geometry.spacing, scan.geometry.origin, scan.geometry.axes))
    entropy = hashlib.sha256(f"{phantom.digest} {place} {what}".encode()).hexdigest()
    return generate_uid(entropy_srcs=[entropy])


def _decimal(value: float) -> str:
    """A number as a Decimal String, which holds 16 characters (PS3.5 6.2)."""
    for digits in range(15, 0, -1):
        text = f"{value:.{digits}g}"
        if len(text) <= 16:
            return text
    raise ScanError(f"{value} does not fit into a DICOM decimal string")
