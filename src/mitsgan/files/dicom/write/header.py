"""The header of a derived CT image: what changes against its source, and nothing else.

Source: DICOM PS3.3 C.7.6.1 (general image), C.12.1 (SOP common), PS3.16 CID 7202 and 7203.
"""

from __future__ import annotations

import uuid
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag, Tag
from pydicom.uid import UID, CTImageStorage

from mitsgan.files.derivation import Derivation
from mitsgan.files.dicom import elements as dcm
from mitsgan.files.dicom.files import SliceFile
from mitsgan.files.dicom.find.uids import Uids, new_uid
from mitsgan.files.dicom.frames import is_multiframe
from mitsgan.files.dicom.write.encode import FILE_META, Element, Encoding
from mitsgan.files.dicom.write.groups import (
    CHANGED_GROUPS,
    FRAME_KIND,
    appended,
    derived_groups,
    references,
    renamed_concatenation,
)

_MEDIA_SOP_CLASS = 0x00020002
_DERIVATION_DESCRIPTION = 0x00082111
SOURCE_IMAGES = 0x00082112
DERIVATION_CODES = 0x00089215
EQUIPMENT = 0x0018A001
_EXTREMES = (0x00280106, 0x00280107)
_SERIES_EXTREMES = (0x00280108, 0x00280109)

STALE = frozenset(
    {
        0x00080001,  # Length to End, retired: of the source's bytes
        dcm.INSTANCE_CREATION_DATE,  # the source's; ours is left out: equal runs, equal bytes
        dcm.INSTANCE_CREATION_TIME,
        dcm.INSTANCE_CREATOR_UID,
        0x00603000,  # Histogram Sequence
        0x00880200,  # Icon Image Sequence: shows the old pixels
        0x4FFE0001,  # MAC Parameters Sequence
        0x7FE00001,  # Extended Offset Table
        0x7FE00002,  # Extended Offset Table Lengths
        0x7FE00003,  # Encapsulated Pixel Data Value Total Length
        0xFFFAFFFA,  # Digital Signatures Sequence
    }
)
"""Elements that no longer hold for the new pixels, or for the new file; removed."""

CHANGED = frozenset(
    {
        dcm.IMAGE_TYPE,
        dcm.SOP_INSTANCE_UID,
        dcm.SERIES_INSTANCE_UID,
        dcm.SERIES_DESCRIPTION,
        dcm.LOSSY_IMAGE_COMPRESSION,
        _DERIVATION_DESCRIPTION,
        SOURCE_IMAGES,
        DERIVATION_CODES,
        EQUIPMENT,
        *_EXTREMES,
        *_SERIES_EXTREMES,
        *CHANGED_GROUPS,
    }
)
"""Elements that may differ from the source's, or be new. All others stay as they are.

The series number is not among them: the pair then sorts side by side, and UIDs and description
tell the two apart."""

IMPLEMENTATION_UID = f"2.25.{uuid.uuid5(uuid.NAMESPACE_URL, 'mitsgan/implementation').int}"
_LO_LENGTH, _ST_LENGTH = 64, 1024
# JPEG baseline and extended, the retired kinds of lossy JPEG, JPEG-LS near-lossless. JPEG 2000
# is not among them: its general syntax may be lossless.
_LOSSY = frozenset(f"1.2.840.10008.1.2.4.{n}" for n in (*range(50, 57), *range(59, 65), 81))


def derived_uid(source: str, derivation: Derivation) -> str:
    """A UID that depends on the source's and on what was done to it, and on nothing else."""
    return new_uid(f"{source}|{derivation.code}")


def derived_header(
    file: SliceFile,
    uids: Uids,
    derivation: Derivation,
    extremes: tuple[int, int],
    series_extremes: tuple[int, int],
) -> list[Element]:
    """The elements before *Pixel Data*, in tag order, in the encoding of the source.

    Args:
        file: the source.
        uids: of the source, or in place of them.
        derivation: what was done.
        extremes: the lowest and highest new stored value of the file.
        series_extremes: those of the series.
    """
    source, encoding = file.header, Encoding(*file.encoding)
    new: dict[BaseTag, Element] = {t: e for t, e in source.items() if t not in STALE}

    def put(tag: int, vr: str, value: str) -> None:
        new[Tag(tag)] = encoding.raw(tag, vr, value)

    usual = FRAME_KIND if is_multiframe(file) else ("SECONDARY", "AXIAL")
    kind = dcm.values(source, dcm.IMAGE_TYPE)[1:] or usual
    put(dcm.IMAGE_TYPE, "CS", "\\".join(["DERIVED", *kind]))
    instance = uids.instance(file)
    put(dcm.SOP_INSTANCE_UID, "UI", derived_uid(instance, derivation))
    put(dcm.SERIES_INSTANCE_UID, "UI", derived_uid(uids.series, derivation))
    if uids.renewed:
        put(dcm.STUDY_INSTANCE_UID, "UI", uids.study)
        put(dcm.SOP_CLASS_UID, "UI", sop_class(file))
    new[Tag(dcm.SERIES_DESCRIPTION)] = _labelled(source, encoding, derivation.label)
    history = _history(source, encoding, derivation.description)
    reference = None if uids.renewed else _source_image(file, encoding, instance)
    addition = encoding.item(*_code(encoding, "113042", "Pixel by pixel addition"))
    if is_multiframe(file):
        described = [history, encoding.raw(DERIVATION_CODES, "SQ", addition)]
        if reference is not None:
            described.append(encoding.raw(SOURCE_IMAGES, "SQ", reference))
            new |= references(file, encoding)
        new |= derived_groups(file, encoding, described)
        parts = renamed_concatenation(file, lambda uid: derived_uid(uid, derivation))
        for part, uid in parts.items():
            put(part, "UI", uid)
    else:
        new[Tag(_DERIVATION_DESCRIPTION)] = history
        new[Tag(DERIVATION_CODES)] = appended(source, encoding, DERIVATION_CODES, addition)
        new.pop(Tag(SOURCE_IMAGES), None)
        if reference is not None:
            new[Tag(SOURCE_IMAGES)] = encoding.raw(SOURCE_IMAGES, "SQ", reference)
    equipment = _equipment(encoding, derivation)
    new[Tag(EQUIPMENT)] = appended(source, encoding, EQUIPMENT, equipment)
    if is_lossy(file.transfer_syntax):  # whatever the header says
        put(dcm.LOSSY_IMAGE_COMPRESSION, "CS", "01")
    for tags, pair in ((_EXTREMES, extremes), (_SERIES_EXTREMES, series_extremes)):
        for tag, value in zip(tags, pair, strict=True):
            extreme = new.get(Tag(tag))
            if isinstance(extreme, RawDataElement) and extreme.length == 2:
                data = (value & 0xFFFF).to_bytes(2, "little" if encoding.little else "big")
                new[Tag(tag)] = extreme._replace(value=data)
    return [new[tag] for tag in sorted(new)]


def derived_meta(file: SliceFile, uids: Uids, derivation: Derivation, syntax: UID) -> bytes:
    """Preamble, mark and group 0002: the new instance, and that mitsgan wrote the file."""
    elements: dict[int, Element] = dict(file.meta.items())
    elements.pop(0x00020000, None)
    instance = derived_uid(uids.instance(file), derivation)
    for tag, vr, value in (
        (0x00020001, "OB", b"\0\1"),
        (0x00020002, "UI", sop_class(file)),
        (0x00020003, "UI", instance),
        (0x00020010, "UI", str(syntax)),
        (0x00020012, "UI", IMPLEMENTATION_UID),
        (0x00020013, "SH", implementation_name()),
    ):
        elements[tag] = FILE_META.raw(tag, vr, value)
    body = FILE_META.encode(elements[tag] for tag in sorted(elements))
    length = FILE_META.raw(0x00020000, "UL", len(body).to_bytes(4, "little"))
    return file.preamble + b"DICM" + FILE_META.encode([length]) + body


def implementation_name() -> str:
    """What group 0002 calls the program that wrote a file."""
    return f"MITSGAN_{_version()}"[:16]


def sop_class(file: SliceFile) -> str:
    """What kind of object it is; CT images where an anonymiser left that out."""
    return (
        dcm.text(file.header, dcm.SOP_CLASS_UID)
        or dcm.text(file.meta, _MEDIA_SOP_CLASS)
        or str(CTImageStorage)
    )


def is_lossy(syntax: UID) -> bool:
    """Whether pixels in this transfer syntax have lost something for certain."""
    return syntax in _LOSSY


def charset(header: Dataset) -> str | list[str]:
    """The character sets of a header, as pydicom names their codecs."""
    names = header.original_character_set or "iso8859"
    return names if isinstance(names, str) else list(names)


def _source_image(file: SliceFile, encoding: Encoding, instance: str) -> bytes:
    """The item that refers to the source."""
    return encoding.item(
        encoding.raw(0x00081150, "UI", sop_class(file)),
        encoding.raw(0x00081155, "UI", instance),
        encoding.raw(0x0028135A, "CS", "YES"),  # Spatial Locations Preserved
        _purpose(encoding, "121322", "Source image for image processing operation"),
    )


def _labelled(source: Dataset, encoding: Encoding, label: str) -> Element:
    """The series description with the label, within the 64 characters of an LO."""
    suffix = f" ({label})"
    undecodable = _undecodable(source, dcm.SERIES_DESCRIPTION)
    if undecodable is not None:
        value = undecodable[: _LO_LENGTH - len(suffix)] + suffix.encode("ascii", "replace")
        return encoding.raw(dcm.SERIES_DESCRIPTION, "LO", value)
    description = dcm.text(source, dcm.SERIES_DESCRIPTION)
    shown = f"{description[: _LO_LENGTH - len(suffix)]}{suffix}".strip()
    return _text(encoding, dcm.SERIES_DESCRIPTION, "LO", shown)


def _history(source: Dataset, encoding: Encoding, description: str) -> Element:
    """The derivation description, after those of earlier derivations."""
    undecodable = _undecodable(source, _DERIVATION_DESCRIPTION)
    if undecodable is not None:
        value = undecodable + f"; {description}".encode("ascii", "replace")
        return encoding.raw(_DERIVATION_DESCRIPTION, "ST", value[-_ST_LENGTH:])
    earlier = dcm.text(source, _DERIVATION_DESCRIPTION)
    joined = f"{earlier}; {description}" if earlier else description
    return _text(encoding, _DERIVATION_DESCRIPTION, "ST", joined[-_ST_LENGTH:])


def _undecodable(source: Dataset, tag: int) -> bytes | None:
    """The bytes of a text that the character set does not have; None where it has them all.

    They stay as they are: whoever knows the right character set can still read them. Where a code
    extension has escapes, none of which may be cut off, there is none either.
    """
    entry = dcm.element(source, tag)
    if not isinstance(entry, RawDataElement) or "\ufffd" not in dcm.text(source, tag):
        return None
    value = bytes(entry.value or b"").strip(b" \0")
    return None if b"\x1b" in value else value


def _text(encoding: Encoding, tag: int, vr: str, value: str) -> Element:
    """Text of which a part comes from the source, in the source's character set."""
    if value.isascii():
        return encoding.raw(tag, vr, value)
    return DataElement(tag, vr, value)


def _code(encoding: Encoding, value: str, meaning: str) -> list[RawDataElement]:
    """The elements of a code of the DICOM Controlled Terminology."""
    return [
        encoding.raw(0x00080100, "SH", value),
        encoding.raw(0x00080102, "SH", "DCM"),
        encoding.raw(0x00080104, "LO", meaning),
    ]


def _purpose(encoding: Encoding, value: str, meaning: str) -> RawDataElement:
    """Purpose of Reference Code Sequence."""
    return encoding.raw(0x0040A170, "SQ", encoding.item(*_code(encoding, value, meaning)))


def _equipment(encoding: Encoding, derivation: Derivation) -> bytes:
    return encoding.item(
        encoding.raw(0x00080070, "LO", "mitsgan"),  # Manufacturer
        encoding.raw(0x00081090, "LO", "mitsgan"),  # Manufacturer's Model Name
        encoding.raw(0x00181020, "LO", _version()),  # Software Versions
        encoding.raw(0x0018A003, "ST", derivation.description[:_ST_LENGTH]),
        _purpose(encoding, "109103", "Modifying Equipment"),
    )


@cache
def _version() -> str:
    try:
        return version("mitsgan")
    except PackageNotFoundError:
        return "0"
