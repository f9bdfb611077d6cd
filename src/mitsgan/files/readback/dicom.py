"""DICOM read by pydicom from end to end: its parser, its decoders, its attributes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.pixels.utils import pixel_array

from mitsgan.errors import OutputError
from mitsgan.files.dicom.files import SliceFile
from mitsgan.files.dicom.find.parse import whole_dataset
from mitsgan.files.dicom.pixels.decode import decode_frame
from mitsgan.files.dicom.pixels.read import UNCOMPRESSED
from mitsgan.files.dicom.source import DicomSource
from mitsgan.files.readback.slices import StoredSlice
from mitsgan.quiet import UNREADABLE, quiet, said


def dicom_slices(source: DicomSource, written: Path | None) -> Iterator[StoredSlice]:
    """The slices of a series, file by file.

    Args:
        source: which files, and which slice is where in them.
        written: the series that was derived of it; None for the source itself. Every object of it
            must have a UID of its own, and say so twice.

    Raises:
        OutputError: a file cannot be read, holds another number of frames, or has no UID of its
            own.
    """
    places: dict[SliceFile, list[int]] = defaultdict(list)
    for z, frame in enumerate(source.slices):
        places[frame.file].append(z)
    seen: set[str] = set()
    for file, numbers in places.items():
        try:
            with quiet():
                dataset = whole_dataset(file) if written is None else _own(written, file, seen)
                frames = _frames(dataset, source, numbers[0])
                for z in numbers:
                    number = source.slices[z].number
                    slope, intercept = _rescale(dataset, number)
                    values = _settled(frames[number], source, z)
                    yield StoredSlice(z, values, slope, intercept + source.hu_offset)
        except UNREADABLE as error:
            where = file.path if written is None else f"{written.name}/{file.name}"
            raise OutputError(
                f"{where} cannot be read anew ({said(error)}); nothing was written"
            ) from error


def _own(written: Path, file: SliceFile, seen: set[str]) -> Dataset:
    """What was derived of a file, if its UID is not among those that were seen; it then is."""
    dataset = dcmread(_place(written, file))
    try:
        uid = str(dataset.SOPInstanceUID)
        meta = str(dataset.file_meta.MediaStorageSOPInstanceUID)
    except UNREADABLE as error:
        raise OutputError(
            f"{written.name}/{file.name} does not say which object it is when it is read anew "
            f"({error}); nothing was written. The header of {file.path} is damaged: fetch it "
            f"again"
        ) from error
    if uid in seen or uid != meta or uid == file.instance:
        raise OutputError(
            f"{written.name}/{file.name} has no UID of its own ({uid}); nothing was written. "
            f"Please report this"
        )
    seen.add(uid)
    return dataset


def _place(written: Path, file: SliceFile) -> Path:
    return written / file.name if written.is_dir() else written


def _frames(dataset: Dataset, source: DicomSource, z: int) -> list[NDArray[Any]]:
    """The pixels of all frames, as pydicom has them; by our decoder where pydicom has none."""
    count = int(dataset.get("NumberOfFrames") or 1)
    dataset.setdefault("SamplesPerPixel", 1)  # where it was lost, reading took it for 1, too
    try:
        pixels = pixel_array(dataset, correct_unused_bits=False)
    except UNREADABLE:
        syntax, form = dataset.file_meta.TransferSyntaxUID, source.forms[z]
        if syntax in UNCOMPRESSED:
            raise
        return [
            decode_frame(dataset.PixelData, syntax, form, number, count) for number in range(count)
        ]
    return list(pixels) if count > 1 else [pixels]


def _settled(words: NDArray[Any], source: DicomSource, z: int) -> NDArray[Any]:
    """Values of words, without what stands in the bits above them if that is no part of them."""
    if z not in source.spare:
        return words
    form = source.forms[z]
    values: NDArray[Any] = words.astype(np.int32) & form.mask
    values[values > form.highest] -= form.mask + 1
    return values


def _rescale(dataset: Dataset, number: int) -> tuple[float, float]:
    """Slope and intercept of a frame; 1 and 0 where they were lost."""
    holder: Any = dataset
    groups = dataset.get("PerFrameFunctionalGroupsSequence")
    if groups:
        shared = dataset.get("SharedFunctionalGroupsSequence") or [Dataset()]
        for item in (groups[number], shared[0]):
            if "PixelValueTransformationSequence" in item:
                holder = item.PixelValueTransformationSequence[0]
                break
    slope, intercept = holder.get("RescaleSlope"), holder.get("RescaleIntercept")
    return (
        1.0 if slope in (None, "") else float(str(slope)),
        0.0 if intercept in (None, "") else float(str(intercept)),
    )
