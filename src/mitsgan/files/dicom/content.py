"""What a slice says and shows, however it is encoded: the text of its attributes, its pixels.

For whoever has to tell whether a slice is still what it was. Other than `read_dicom`, this asks
nothing of the series: slices may be missing, repeated or moved, for that is to be found out.

Source: DICOM PS3.3 C.7 (patient, study, series, image), PS3.5 section 8 (pixel data).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from pydicom.datadict import dictionary_description, tag_for_keyword
from pydicom.dataelem import DataElement, RawDataElement

from mitsgan.errors import ScanError, plain
from mitsgan.files.dicom import elements as dcm
from mitsgan.files.dicom.files import Progress, SliceFile
from mitsgan.files.dicom.find.copies import drop_copies
from mitsgan.files.dicom.find.headers import read_headers
from mitsgan.files.dicom.find.select import choose_frames
from mitsgan.files.dicom.find.sift import LeftOut, refuse_left_out, sift
from mitsgan.files.dicom.frames import Frame, frames_of, is_multiframe
from mitsgan.files.dicom.order import check_order
from mitsgan.files.dicom.pixels.decode import decodable
from mitsgan.files.dicom.pixels.form import PixelFormat
from mitsgan.files.dicom.pixels.read import UNCOMPRESSED, read_frame
from mitsgan.files.dicom.texts import Form, Texts, overlay_digest, text_of
from mitsgan.quiet import UNREADABLE, said
from mitsgan.reading import Choice

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
    *("SpacingBetweenSlices", "SliceLocation", "GantryDetectorTilt", "PatientOrientation"),
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

ENCRYPTED = "EncryptedAttributesSequence"
"""What a file holds for those who have the key, such as its original: other programs believe it."""

LATER = ("PatientOrientation",)
"""Attributes that did not count at first: what was sealed or kept before says nothing of them."""

SEQUENCES = (*TABLES, ENCRYPTED)

OVERLAYS = "OverlayPlanes"
"""Our name for all elements of the groups 6000 to 60FE together: graphics over the image."""

FRAME = "FrameNumber"
"""Our name for which frame of a multi-frame image a slice is, from 1; others have none."""

KEYWORDS = (
    *(*PATIENT, *STUDY, *SERIES, *IMAGE, *GEOMETRY, *VALUES, *NUMBERS),
    *SEQUENCES,
    OVERLAYS,
)
"""Every attribute that counts, as DICOM names it (PS3.6)."""

_OF_THE_FILE = frozenset(
    {*PATIENT, *STUDY, *SERIES, "SOPClassUID", "SOPInstanceUID", ENCRYPTED, OVERLAYS}
)
"""What a multi-frame image says once, outside its functional groups: other programs look for it
there alone, so what a group says of it counts for nothing."""

_SHOWN_BY = frozenset({*GEOMETRY, *VALUES, *NUMBERS, *TABLES})
"""What a frame is shown by. Where the file and a functional group both say it, some programs go by
the one, and some by the other."""

_UNKNOWN_ALONE = frozenset({*PATIENT, *STUDY, *SERIES, *GEOMETRY, *VALUES}) - {
    *("PhotometricInterpretation", "NumberOfFrames"),
}
"""What has no known VR in a file where nothing has, but what coders write anew."""

_FORMS: Mapping[str, Form] = {
    **dict.fromkeys(NUMBERS, "number"),
    **dict.fromkeys(SEQUENCES, "sequence"),
}
"""How attributes are written whose value is more than its text."""

_Element = DataElement | RawDataElement

_TAGS = {name: tag for name in KEYWORDS if (tag := tag_for_keyword(name)) is not None}


@dataclass(frozen=True)
class SliceContent:
    """One slice: its attributes as text, and its pixels when asked for.

    Attributes:
        frame: where it was read.
        attributes: keyword to text, of those that are there and not empty.
    """

    frame: Frame
    attributes: Mapping[str, str]

    @property
    def file(self) -> SliceFile:
        """The file that holds it."""
        return self.frame.file

    @property
    def name(self) -> str:
        """The path below the folder that was read, and the frame where there are several."""
        name = plain(self.file.name.as_posix())
        return f"{name} frame {self.frame.number + 1}" if is_multiframe(self.file) else name

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
        return syntax in UNCOMPRESSED or decodable(syntax)

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
                f"{self.frame.path} holds {frames} frame(s) of {allocated} bits and {samples} "
                f"sample(s) per pixel; only slices of one 16-bit grey value per pixel can be sealed"
            )
        if not rows or not columns or stored is None or not 0 < stored <= 16:
            raise ScanError(
                f"{self.frame.path}: *Rows* x *Columns* is {rows} x {columns} with {stored} bits "
                f"stored; it is no image"
            )
        if self.file.pixel_offset is None:
            raise ScanError(f"{self.frame.path} holds no pixel data; fetch it again")
        form = PixelFormat(rows, columns, stored, signed == 1)
        out = read_frame(self.file, form, self.frame.number)
        self.file.check_unchanged()
        return out


def read_content(
    path: Path,
    choice: Choice | None = None,
    progress: Progress | None = None,
    beside: list[LeftOut] | None = None,
) -> list[SliceContent]:
    """The slices of a folder (with subfolders), or one file; pixels are left on disk.

    What is surely no slice, such as a localizer or a dose page, is left out, and so are copies.

    Args:
        path: as for `read_dicom`.
        choice: whether that is to be refused; all series are read.
        progress: called with (done, total) steps, two for each file.
        beside: gets the DICOM objects that were left out, and copies of slices.

    Raises:
        ScanError: nothing there, a header that cannot be read, or one that different programs may
            read differently.
    """
    headers = read_headers(path, progress)
    files, left_out = sift(headers.files, of_any_modality=True)
    files, copies = drop_copies(files)
    left_out += copies
    if choice is not None and choice.strict:
        refuse_left_out([*headers.left_out, *left_out])
    if beside is not None:
        beside += left_out
    if not files:
        raise ScanError(f"{path} holds no image with slices; choose another folder")
    for file in files:
        check_order(file)
    texts: Texts = {}
    return [SliceContent(frame, attributes(frame, texts)) for frame in frames_of(files)]


def choose_content(slices: list[SliceContent], path: Path, choice: Choice) -> list[SliceContent]:
    """The slices of the one scan that is asked for, or that there is; not in order.

    Raises:
        ScanError: several series and none asked for, or the one asked for is not there.
    """
    chosen = set(choose_frames([item.frame for item in slices], choice, path))
    return [item for item in slices if item.frame in chosen]


def attributes(frame: Frame, texts: Texts | None = None) -> dict[str, str]:
    """The attributes that count as text, whatever the encoding; empty ones are left out.

    Several values are joined by a backslash, each without the blanks around it; numbers in two
    bytes are in decimal; sequences and overlays are a SHA-256 of what is in them.

    Raises:
        ScanError: one cannot be read, or a frame is shown by what stands in two places.
    """
    values: dict[str, str] = {}
    texts = {} if texts is None else texts
    own, flat = frame.file.header, frame.header
    elements = {int(tag): element for tag, element in own.items()}
    of_frame = elements if flat is own else {int(tag): each for tag, each in flat.items()}
    if _is_of_unknown_vrs(elements):
        elements, of_frame = _with_known_vrs(elements), _with_known_vrs(of_frame)
    keyword = ""
    try:
        for keyword, tag in _TAGS.items():
            header, found = (own, elements) if keyword in _OF_THE_FILE else (flat, of_frame)
            if tag not in found:
                continue
            form = _FORMS.get(keyword, "text")
            value = text_of(header, found[tag], form, texts)
            if value:
                values[keyword] = value
            if header is not own and keyword in _SHOWN_BY:
                if tag in elements:
                    outside = text_of(own, elements[tag], form, texts)
                    _refuse_two(frame, keyword, value, outside, "outside them")
                for other in frame.besides:
                    if tag in other:
                        said_there = text_of(other, other.get_item(tag), form, texts)
                        _refuse_two(frame, keyword, value, said_there, "in another of them")
        keyword = OVERLAYS
        overlays = overlay_digest(elements)
    except UNREADABLE as error:
        raise ScanError(
            f"{frame.path}: {describe(keyword)} cannot be read ({said(error)}); the file is "
            f"damaged: fetch it again"
        ) from error
    if is_multiframe(frame.file):
        values[FRAME] = str(frame.number + 1)
    if overlays:
        values[OVERLAYS] = overlays
    return values


def _is_of_unknown_vrs(elements: Mapping[int, _Element]) -> bool:
    """Whether a file has nothing but unknown VRs, as where GDCM compressed one in implicit VR.

    One such element among others is a difference: a program that passes over it shows something
    else. Who passes over all of them has no scan.

    Source: DICOM PS3.5 6.2.2.
    """
    there = [elements[tag] for name in _UNKNOWN_ALONE if (tag := _TAGS[name]) in elements]
    return all(element.VR == "UN" for element in there)


def _with_known_vrs(elements: Mapping[int, _Element]) -> dict[int, _Element]:
    return {
        tag: element._replace(VR=None)
        if isinstance(element, RawDataElement) and element.VR == "UN"
        else element
        for tag, element in elements.items()
    }


def describe(keyword: str) -> str:
    """An attribute for a reader, ``(gggg,eeee) *Name*``."""
    if keyword == FRAME:
        return "the frame number"
    if keyword == OVERLAYS:
        return "(60xx,xxxx) *Overlay Planes*"
    tag = tag_for_keyword(keyword)
    return keyword if tag is None else f"{dcm.label(tag)} *{dictionary_description(tag)}*"


def _refuse_two(frame: Frame, keyword: str, in_group: str, said_there: str, where: str) -> None:
    """Raise where a functional group, and the file or another group, say two different things."""
    if not said_there:  # empty, which says nothing
        return
    try:
        one, other = ([dcm.decimal(n) for n in s.split("\\")] for s in (in_group, said_there))
        same = one == other
    except ValueError:
        same = in_group == said_there
    if not same:
        raise ScanError(
            f"{frame.path}: {describe(keyword)} is {in_group!r} in the functional groups and "
            f"{said_there!r} {where}: which of the two other programs go by is unknown; rewrite it "
            f"with a DICOM tool, if you know where it comes from"
        )


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() else None
