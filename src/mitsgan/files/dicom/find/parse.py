"""One DICOM file's header, as it is encoded: not as it says that it is.

Archives write files whose group 0002 and whose body contradict each other, gateways strip the
preamble, old exports have no group 0002 at all. The body decides: its first element shows byte
order and whether VRs are there.

Source: DICOM PS3.10 section 7.1 (file meta information), PS3.5 section 7 and annex A.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import BinaryIO

from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filereader import data_element_generator, read_dataset
from pydicom.tag import BaseTag
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)
from pydicom.valuerep import VR

from mitsgan.errors import ScanError
from mitsgan.files.dicom import elements as dcm
from mitsgan.files.dicom.files import SliceFile
from mitsgan.files.dicom.find.entries import Entry
from mitsgan.quiet import UNREADABLE, quiet, remedy, said

NATIVE = {ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian}
_MARK = 128
_FIRST_PIXELS = 0x7FE00008
_META_GROUP = 0x0002
_BARE_GROUPS = {0x0002, 0x0008}
_VRS = {vr.value.encode() for vr in VR if len(vr.value) == 2}
_LONGEST_FIRST = 1 << 16
_CHUNK = 1 << 20
_MOST_INFLATED = 2 << 30
"""Bytes of a deflated data set; DICOM files of more are not deflated."""
_MEDIA_DIRECTORY = "1.2.840.10008.1.3.10"


def read_header(entry: Entry) -> SliceFile | None:
    """The header of a DICOM file; None for what is none, and for a DICOMDIR.

    Raises:
        ScanError: it is DICOM, but damaged or truncated.
    """
    try:
        with entry.open() as raw, quiet():
            start = raw.read(_MARK + 4)
            if start[_MARK:] == b"DICM":
                return _parse(raw, entry, start[:_MARK])
            raw.seek(0)
            return _parse_bare(raw, entry) if is_bare(start) else None
    except UNREADABLE as error:
        raise ScanError(
            f"{entry.path} cannot be read as DICOM ({said(error)}): "
            f"{remedy(error, 'it is damaged or truncated; fetch it again')}, or take it away if it "
            f"is not part of the series"
        ) from error


def is_bare(start: bytes) -> bool:
    """Whether bytes can be the start of a data set without preamble and without the mark."""
    peek = _peek(start)
    return peek is not None and peek.group in _BARE_GROUPS


def _parse_bare(raw: BinaryIO, entry: Entry) -> SliceFile | None:
    """A data set without preamble; None where it turns out to be none."""
    try:
        parsed = _parse(raw, entry, bytes(_MARK))
    except UNREADABLE:
        return None
    known = (dcm.SOP_CLASS_UID, dcm.SERIES_INSTANCE_UID, dcm.MODALITY, dcm.ROWS)
    return parsed if parsed is not None and any(tag in parsed.header for tag in known) else None


def _parse(raw: BinaryIO, entry: Entry, preamble: bytes) -> SliceFile | None:
    """The rest of a file, from group 0002 on."""
    meta = _read_meta(raw)
    if dcm.text(meta, 0x00020002) == _MEDIA_DIRECTORY:
        return None
    start = raw.tell()
    declared = UID(dcm.text(meta, 0x00020010))
    body: BinaryIO = raw
    if declared == DeflatedExplicitVRLittleEndian and (inflated := _inflated(raw)) is not None:
        body = BytesIO(inflated)
    else:
        raw.seek(start)
    first = body.read(8)
    body.seek(-len(first), 1)
    peek = _peek(first) or _Peek(0, declared == ImplicitVRLittleEndian, True)
    tags: list[int] = []

    def at_pixels(tag: BaseTag, vr: str | None, length: int) -> bool:
        if _at_pixels(tag, vr, length):
            return True
        tags.append(int(tag))
        return False

    header = read_dataset(body, peek.implicit, peek.little, stop_when=at_pixels)
    offset: int | None = body.tell()
    if not body.read(1):
        offset = None
    elif body is not raw:
        offset = 0  # of a stream of its own
    return SliceFile(
        entry=entry,
        preamble=preamble,
        meta=meta,
        header=header,
        tags=tuple(tags),
        body_offset=start,
        pixel_offset=offset,
        transfer_syntax=_real_syntax(declared, peek, deflated=body is not raw),
        stamp=entry.stamp,
    )


def _read_meta(raw: BinaryIO) -> FileMetaDataset:
    """Group 0002; the file then stands at the first element of another group."""
    elements = data_element_generator(raw, False, True, stop_when=_after_meta)
    # Told by the first bytes, for the generator would read on into a body in another encoding.
    start = raw.tell()
    if int.from_bytes(raw.read(2), "little") != _META_GROUP:
        raw.seek(start)
        return FileMetaDataset()
    raw.seek(start)
    return FileMetaDataset({element.tag: element for element in elements})


def _after_meta(tag: BaseTag, vr: str | None, length: int) -> bool:
    return tag >> 16 != _META_GROUP


def _at_pixels(tag: BaseTag, vr: str | None, length: int) -> bool:
    return int(tag) >= _FIRST_PIXELS


@dataclass(frozen=True)
class _Peek:
    """What the first element of a body shows."""

    group: int
    implicit: bool
    little: bool


def _peek(first: bytes) -> _Peek | None:
    """How a body is encoded, by its first eight bytes; None where these are no element."""
    if len(first) < 8:
        return None
    little = first[0] != 0 or first[1] == 0
    order = "little" if little else "big"
    group = int.from_bytes(first[:2], order)  # type: ignore[arg-type]
    if first[4:6] in _VRS:
        return _Peek(group, False, little)
    length = int.from_bytes(first[4:8], order)  # type: ignore[arg-type]
    return _Peek(group, True, little) if length < _LONGEST_FIRST else None


def _real_syntax(declared: UID, peek: _Peek, *, deflated: bool) -> UID:
    """The transfer syntax that a file has: the declared one where the body does not contradict."""
    if deflated:
        return declared
    if declared in NATIVE or not declared or declared == DeflatedExplicitVRLittleEndian:
        if peek.implicit:
            return ImplicitVRLittleEndian
        return ExplicitVRLittleEndian if peek.little else ExplicitVRBigEndian
    return declared


def _inflated(raw: BinaryIO) -> bytes | None:
    """The body of a deflated file; None where it is not deflated after all."""
    packed = raw.read()
    peek = _peek(packed[:8])
    if peek is not None and not peek.implicit and peek.group in _BARE_GROUPS:
        return None
    return inflate(packed)


def inflate(packed: bytes) -> bytes:
    """The body of a deflated file.

    Raises:
        ValueError: it is cut off, or larger than any scan: a thousandth of it may stand for it.
        zlib.error: it is damaged.
    """
    reader = zlib.decompressobj(-zlib.MAX_WBITS)
    body = reader.decompress(packed, _MOST_INFLATED)
    if not reader.eof:
        what = f"larger than {_MOST_INFLATED >> 20} MB" if reader.unconsumed_tail else "cut off"
        raise ValueError(f"its deflated data set is {what}")
    return body


def behind_deflated(file: SliceFile) -> bytes:
    """What follows the deflated data set of a file; nothing where it is not deflated."""
    if file.transfer_syntax != DeflatedExplicitVRLittleEndian:
        return b""
    reader = zlib.decompressobj(-zlib.MAX_WBITS)
    with file.entry.open() as raw:
        raw.seek(file.body_offset)
        reader.decompress(raw.read(), _MOST_INFLATED)
    return reader.unused_data


def body_tags(file: SliceFile, largest: int) -> tuple[list[int], list[int]]:
    """The tags of all elements of the body in the order of the file, equal ones and all, as pydicom
    reads them; and where the last ones of them end in `body`, from *Pixel Data* on.

    Args:
        file: a header that was read.
        largest: longer values are passed over, not read.
    """
    deflated = file.transfer_syntax == DeflatedExplicitVRLittleEndian
    # pydicom may ask for the first tag twice, and passes over the end of a file within an element.
    again = deflated or file.pixel_offset is None or file.tags[:1] == file.tags[1:2]
    with body(file) as stream, quiet():
        if not again:
            stream.seek(file.pixel_offset or 0)
        implicit, little = file.encoding
        elements = data_element_generator(stream, implicit, little, defer_size=largest)
        read: list[int] = []
        ends: list[int] = []
        looked = False
        for element in elements:
            if not _is_filling(element):
                read.append(int(element.tag))
                ends.append(max(stream.tell(), _end(element)))
            elif not looked:  # to go through megabytes of zeros by eights would take minutes
                looked = True
                if _ends_in_zeros(stream):
                    break
    return ([] if again else [tag for tag in file.tags if tag != 0]) + read, ends


@contextmanager
def body(file: SliceFile) -> Iterator[BinaryIO]:
    """The data set of a file, at its start; inflated where it is deflated."""
    with file.entry.open() as raw:
        raw.seek(file.body_offset)
        if file.transfer_syntax == DeflatedExplicitVRLittleEndian:
            yield BytesIO(inflate(raw.read()))
        else:
            yield raw


def _end(element: RawDataElement | DataElement) -> int:
    """Where an element ends by its length, though the file may end before; 0 where it has none."""
    if not isinstance(element, RawDataElement) or element.length == dcm.UNDEFINED_LENGTH:
        return 0
    return element.value_tell + element.length


def _is_filling(element: RawDataElement | DataElement) -> bool:
    """Whether this is none: zeros that fill a file up read as empty elements of the tag 0."""
    return not element.tag and isinstance(element, RawDataElement) and element.length == 0


def _ends_in_zeros(stream: BinaryIO) -> bool:
    """Whether nothing but zeros is left of a stream, which stays where it is."""
    at = stream.tell()
    while not any(chunk := stream.read(_CHUNK)):
        if not chunk:
            return True
    stream.seek(at)
    return False


def meta_bytes(file: SliceFile) -> bytes:
    """Group 0002 of a file, as encoded; nothing where it has none."""
    with file.entry.open() as raw:
        data = raw.read(file.body_offset)
    return data[_MARK + 4 :] if data[_MARK : _MARK + 4] == b"DICM" else data


def whole_dataset(file: SliceFile) -> Dataset:
    """The whole file with its pixels, its meta data saying how it is really encoded."""
    with body(file) as stream, quiet():
        dataset = read_dataset(stream, *file.encoding)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = file.transfer_syntax
    return dataset
