"""Small CT series, made in the test: each bad input is a good one with one thing changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian

from mitsgan.files import Derivation

Change = Callable[[int, FileDataset], None]


def _slice(k: int, rows: int, columns: int) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = UID(f"1.2.3.4.{k + 1}")
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = UID("1.2.3.9")
    ds = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    ds.SOPClassUID = CTImageStorage
    ds.SOPInstanceUID = f"1.2.3.4.{k + 1}"
    ds.InstanceCreationDate = "20240101"
    ds.Modality = "CT"
    ds.SeriesDescription = "Thorax"
    ds.PatientName = "Phantom"
    ds.SliceThickness = "2.0"
    ds.StudyInstanceUID = "1.2.3"
    ds.SeriesInstanceUID = "1.2.3.4"
    ds.SeriesNumber = 7
    ds.ImagePositionPatient = [-10.0, -20.0, 100.0 + 2.0 * k]
    ds.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    ds.FrameOfReferenceUID = "1.2.3.5"
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.Rows, ds.Columns = rows, columns
    ds.PixelSpacing = [0.5, 0.75]
    ds.BitsAllocated = ds.BitsStored = 16
    ds.HighBit = 15
    ds.PixelRepresentation = 1
    ds.WindowCenter, ds.WindowWidth = "-600", "1600"
    ds.RescaleIntercept, ds.RescaleSlope = "-1024", "1"
    values = np.random.default_rng(k).integers(0, 3000, (rows, columns)).astype("<i2")
    ds.add_new(0x7FE00010, "OW", values.tobytes())
    block = ds.private_block(0x0009, "TEST", create=True)
    block.add_new(1, "DS", " 0.500")
    return ds


@pytest.fixture
def make_series() -> Callable[..., Path]:
    """Writes ``count`` slices of 6 x 8 voxels to a folder; ``change`` may alter each first."""

    def make(folder: Path, count: int = 5, change: Change | None = None) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        for k in range(count):
            ds = _slice(k, 6, 8)
            if change is not None:
                change(k, ds)
            # The name says nothing about the place: order comes from the positions.
            ds.save_as(folder / f"{(k * 7) % 11:02d}.dcm", enforce_file_format=True)
        return folder

    return make


@pytest.fixture
def derivation() -> Derivation:
    return Derivation("protected, at most 10 HU", "mitsgan-1/abc/0/10")
