"""Single-frame slices merged into one multi-frame object, for tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from pydicom import dcmread
from pydicom.dataset import Dataset, FileDataset
from pydicom.uid import UID, EnhancedCTImageStorage, ExplicitVRLittleEndian

FRAME_TYPE = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
_MOVED = (
    *("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness"),
    *("RescaleIntercept", "RescaleSlope", "RescaleType"),
)


def item(**values: Any) -> Dataset:
    """A data set with these elements."""
    dataset = Dataset()
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return dataset


def frame_order(count: int) -> list[int]:
    """Frame k shows slice order[k]: frames stand in no particular order."""
    return [int(k) for k in np.random.default_rng(9).permutation(count)]


def merge(
    single: Path,
    folder: Path,
    *,
    kind: UID = EnhancedCTImageStorage,
    syntax: UID = ExplicitVRLittleEndian,
    rescale: Callable[[int], str] | None = None,
    change: Callable[[FileDataset], None] | None = None,
) -> Path:
    """The slices of a folder as the frames of one object in a new folder; its file."""
    slices = [dcmread(path) for path in sorted(single.iterdir())]
    slices.sort(key=lambda ds: float(ds.ImagePositionPatient[2]))
    order = frame_order(len(slices))
    ds = dcmread(min(single.iterdir()))
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = kind
    ds.NumberOfFrames = len(slices)
    ds.ImageType = FRAME_TYPE
    first = slices[0]
    ds.SharedFunctionalGroupsSequence = [
        item(
            PlaneOrientationSequence=[item(ImageOrientationPatient=first.ImageOrientationPatient)],
            PixelMeasuresSequence=[
                item(PixelSpacing=first.PixelSpacing, SliceThickness=first.SliceThickness)
            ],
            CTReconstructionSequence=[item(ConvolutionKernel="B30f")],
        )
    ]
    ds.PerFrameFunctionalGroupsSequence = [
        item(
            PlanePositionSequence=[item(ImagePositionPatient=slices[z].ImagePositionPatient)],
            FrameContentSequence=[item(InStackPositionNumber=z + 1, StackID="1")],
            PixelValueTransformationSequence=[
                item(
                    RescaleIntercept=rescale(z) if rescale else slices[z].RescaleIntercept,
                    RescaleSlope=slices[z].RescaleSlope,
                    RescaleType="HU",
                )
            ],
            CTImageFrameTypeSequence=[item(FrameType=FRAME_TYPE)],
        )
        for z in order
    ]
    ds.PixelData = b"".join(slices[z].PixelData for z in order)
    for keyword in _MOVED:
        if keyword in ds:
            delattr(ds, keyword)
    if change is not None:
        change(ds)
    if syntax != ExplicitVRLittleEndian:
        ds.compress(syntax, generate_instance_uid=False)
    folder.mkdir(parents=True)
    ds.save_as(folder / "mf.dcm", enforce_file_format=True)
    return folder / "mf.dcm"
