"""What a slice says and shows, however it is encoded: the text of its attributes, its pixels.

For whoever has to tell whether a slice is still what it was. Other than `read_dicom`, this asks
nothing of the series: slices may be missing, repeated or moved, for that is to be found out.

Source: DICOM PS3.3 C.7 (patient, study, series, image), PS3.5 section 8 (pixel data).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.datadict import dictionary_description, tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.pixels.decoders.base import get_decoder
from pydicom.sequence import Sequence
from pydicom.uid import RLELossless

from mitsgan.errors import ScanError
from mitsgan.files.dicom import elements as dcm
from mitsgan.files.dicom.files import UNREADABLE, Progress, SliceFile, read_headers
from mitsgan.files.dicom.order import check_order
from mitsgan.files.dicom.pixels import UNCOMPRESSED, PixelFormat, read_pixels
from mitsgan.files.dicom.series import select_series

PATIENT = (
    *("PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientSex"),
    *("PatientAge", "OtherPatientIDs"),
)
STUDY = ("StudyInstanceUID", "StudyID", "StudyDate", "StudyTime", "AccessionNumber")
SERIES = (
    *("SeriesInstanceUID", "SeriesNumber", "Modality", "PatientPosition", "BodyPartExamined"),
    *("Laterality", "FrameOfReferenceUID", "SeriesDate", "SeriesTime"),
)
IMAGE = (
    *("SOPClassUID", "SOPInstanceUID", "ImageType", "InstanceNumber", "AcquisitionNumber"),
    *("AcquisitionDate", "AcquisitionTime", "ContentDate", "ContentTime"),
)
GEOMETRY = (
    *("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness"),
    *("SpacingBetweenSlices", "SliceLocation", "GantryDetectorTilt"),
)
VALUES = (
    *("RescaleIntercept", "RescaleSlope", "RescaleType", "WindowCenter", "WindowWidth"),
    *("VOILUTFunction", "PresentationLUTShape", "PhotometricInterpretation", "NumberOfFrames"),
)
NUMBERS = (
    *("SamplesPerPixel", "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit"),
    *("PixelRepresentation", "PixelPaddingValue", "PixelPaddingRangeLimit"),
)
TABLES = ("ModalityLUTSequence", "VOILUTSequence")
"""Sequences that change how stored values are shown."""

OVERLAYS = "OverlayPlanes"
"""Our name for all elements of the groups 6000 to 60FE together: graphics over the image."""

KEYWORDS = (*PATIENT, *STUDY, *SERIES, *IMAGE, *GEOMETRY, *VALUES, *NUMBERS, *TABLES, OVERLAYS)
"""Every attribute that counts, as DICOM names it (PS3.6)."""


@dataclass(frozen=True)
class SliceContent:
    """One slice: its attributes as text, and its pixels when asked for.

    Attributes:
        file: where it was read.
        attributes: keyword to text, of those that are there and not empty.
    """

    file: SliceFile
    attributes: Mapping[str, str]

    @property
    def name(self) -> str:
        """The path below the folder that was read."""
        return self.file.name.as_posix()

    @property
    def uid(self) -> str:
        return self.attributes.get("SOPInstanceUID", "")

    @property
    def series(self) -> str:
        return self.file.series

    @property
    def decodable(self) -> bool:
        """Whether the decoders here know the transfer syntax: else nothing can be said."""
        syntax = self.file.transfer_syntax
        try:
            return syntax in UNCOMPRESSED or get_decoder(syntax).is_available
        except NotImplementedError:
            return False

    def pixels(self) -> NDArray[Any]:
        """The stored values ``[y, x]``, int16 or uint16, decoded.

        Uncompressed (and RLE) pixels come with the bits above *Bits Stored* as they are, so that
        a change there shows too; the other codecs do not keep these.

        Raises:
            ScanError: they cannot be read, or are no 16-bit grey values of one frame.
        """
        numbers = [_whole(self.attributes.get(name, "")) for name in NUMBERS[:7]]
        samples, rows, columns, allocated, stored, _, signed = numbers
        frames = self.attributes.get("NumberOfFrames", "1")
        if samples not in (1, None) or allocated != 16 or frames != "1":
            raise ScanError(
                f"{self.file.path} holds {frames} frame(s) of {allocated} bits and {samples} "
                f"sample(s) per pixel; only single frames of one 16-bit grey value per pixel can "
                f"be sealed"
            )
        if not rows or not columns or stored is None or not 0 < stored <= 16:
            raise ScanError(
                f"{self.file.path}: *Rows* x *Columns* is {rows} x {columns} with {stored} bits "
                f"stored; it is no image"
            )
        if self.file.pixel_offset is None:
            raise ScanError(f"{self.file.path} holds no pixel data; fetch it again")
        whole_words = self.file.transfer_syntax in {*UNCOMPRESSED, RLELossless}
        form = PixelFormat(rows, columns, 16 if whole_words else stored, signed == 1)
        out = np.empty((rows, columns), form.dtype)
        read_pixels(self.file, form, out)
        return out


def read_content(path: Path, progress: Progress | None = None) -> list[SliceContent]:
    """The slices of a folder (with subfolders), or one file; pixels are left on disk.

    Raises:
        ScanError: nothing there, a header that cannot be read, or one that different programs may
            read differently.
    """
    files = read_headers(path, progress)
    for file in files:
        check_order(file)
    return [SliceContent(file, attributes(file)) for file in files]


def choose_content(
    slices: list[SliceContent], path: Path, series: str | None
) -> list[SliceContent]:
    """The slices of the one series that is asked for, or that there is; not in order.

    Raises:
        ScanError: several series and none asked for, or the one asked for is not there.
    """
    chosen = {f.path for f in select_series([item.file for item in slices], series, path)}
    return [item for item in slices if item.file.path in chosen]


def attributes(file: SliceFile) -> dict[str, str]:
    """The attributes that count as text, whatever the encoding; empty ones are left out.

    Several values are joined by a backslash, each without the blanks around it; numbers in two
    bytes are in decimal; sequences and overlays are a SHA-256 of what is in them.

    Raises:
        ScanError: one cannot be read.
    """
    found: dict[str, str] = {}
    keyword = ""
    try:
        for keyword in KEYWORDS[:-1]:
            tag = tag_for_keyword(keyword)
            if tag is None or tag not in file.header:
                continue
            value = _value(file.header, keyword, tag)
            if value:
                found[keyword] = value
        keyword = OVERLAYS
        overlays = _overlays(file.header)
    except UNREADABLE as error:
        raise ScanError(
            f"{file.path}: {describe(keyword)} cannot be read ({error}); the file is damaged: "
            f"fetch it again"
        ) from error
    return {**found, **overlays}


def describe(keyword: str) -> str:
    """An attribute for a reader, ``(gggg,eeee) *Name*``."""
    if keyword == OVERLAYS:
        return "(60xx,xxxx) *Overlay Planes*"
    tag = tag_for_keyword(keyword)
    return keyword if tag is None else f"{dcm.label(tag)} *{dictionary_description(tag)}*"


def _value(header: Dataset, keyword: str, tag: int) -> str:
    if keyword in NUMBERS:
        number = dcm.integer(header, tag)
        return dcm.text(header, tag) if number is None else str(number)
    if keyword in TABLES:
        items = header[tag].value
        return _digest(_flat(items)) if items else ""
    return "\\".join(dcm.values(header, tag)).strip("\\")


def _overlays(header: Dataset) -> dict[str, str]:
    tags = [tag for tag in header.keys() if 0x6000 <= tag >> 16 <= 0x60FF]  # noqa: SIM118
    parts = [
        f"{dcm.label(tag)}={_plain(getattr(header.get_item(tag), 'value', None))}"
        for tag in sorted(tags)
        if tag & 0xFFFF
    ]
    return {OVERLAYS: _digest("\n".join(parts))} if parts else {}


def _flat(items: Sequence) -> str:
    """The elements of a sequence, items and all, as text."""
    return (
        "["
        + ",".join(
            "{" + ",".join(f"{dcm.label(e.tag)}={_plain(e.value)}" for e in item) + "}"
            for item in items
        )
        + "]"
    )


def _plain(value: object) -> str:
    if isinstance(value, Sequence):
        return _flat(value)
    if isinstance(value, bytes):
        return value.hex()
    return str(value)


def _digest(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}"


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() else None
