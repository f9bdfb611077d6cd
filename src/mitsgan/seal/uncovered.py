"""What DICOM files hold that no seal covers, and no list of attributes tells of.

Source: DICOM PS3.10 7.1 (the preamble is left to applications: by it a file may be a TIFF as well,
or a program), PS3.5 8.1.1 (frames lie one after the other, with one byte of padding at most).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal

from pydicom.encaps import generate_frames
from pydicom.uid import DeflatedExplicitVRLittleEndian

from mitsgan.errors import counted, plain
from mitsgan.files.dicom import elements as dcm
from mitsgan.files.dicom.files import SliceFile
from mitsgan.files.dicom.find.parse import NATIVE, behind_deflated, whole_dataset
from mitsgan.files.dicom.frames import frame_count
from mitsgan.files.dicom.pixels.ends import picture_end
from mitsgan.files.dicom.pixels.offsets import to_fragments
from mitsgan.files.dicom.pixels.read import UNCOMPRESSED
from mitsgan.quiet import UNREADABLE, quiet

_UNDEFINED = 0xFFFFFFFF
_PADDING = 8
"""Bytes that some writers leave behind a picture."""


def uncovered(files: Iterable[SliceFile]) -> list[str]:
    """What of some files the seal does not cover, in sentences.

    Raises:
        OSError: one cannot be read.
    """
    files = sorted(files, key=lambda file: file.name)
    return [
        *_told(
            files,
            lambda file: any(file.preamble),
            "with something in the 128 bytes before the DICOM part, which the seal does not cover: "
            "opened as a TIFF or as a program, such a file may be something else",
        ),
        *_told(
            files,
            _longer_than_frames,
            "with more in *Pixel Data* than the frames take: the seal does not cover the rest, "
            "and programs that go by the length may show it",
        ),
        *_told(
            files,
            _more_than_streams,
            "with something behind a compressed picture or data set that is no padding: the seal "
            "does not cover it, and programs do not show it",
        ),
    ]


def _told(files: list[SliceFile], holds: Callable[[SliceFile], bool], what: str) -> list[str]:
    found = [file for file in files if holds(file)]
    if not found:
        return []
    first = plain(found[0].name.as_posix())
    named = first if len(found) == 1 else f"{first} and others"
    return [f"{counted(len(found), 'file')} ({named}) {what}"]


def _longer_than_frames(file: SliceFile) -> bool:
    """Whether something else than zeros lies behind the last uncompressed frame."""
    whole = _frame_size(file) * frame_count(file)
    if file.transfer_syntax == DeflatedExplicitVRLittleEndian:
        value = getattr(whole_dataset(file).get_item(dcm.PIXEL_DATA), "value", None)
        return isinstance(value, bytes) and any(value[whole:])
    if file.transfer_syntax not in NATIVE or file.pixel_offset is None:
        return False
    implicit, little = file.encoding
    order: Literal["little", "big"] = "little" if little else "big"
    with file.entry.open() as raw:
        raw.seek(file.pixel_offset)
        length = int.from_bytes(raw.read(8 if implicit else 12)[-4:], order)
        if length <= whole or length == _UNDEFINED:
            return False
        raw.seek(whole, 1)
        return any(raw.read(length - whole))


def _more_than_streams(file: SliceFile) -> bool:
    """Whether more than padding lies behind what decoders read."""
    syntax, size = file.transfer_syntax, _frame_size(file)
    try:
        if syntax in UNCOMPRESSED:
            return _more_than_padding(behind_deflated(file))
        with file.entry.open() as raw, quiet():
            if not to_fragments(raw, file):
                return False  # said where it is decoded
            frames = generate_frames(raw, number_of_frames=frame_count(file))
            return any(
                _more_than_padding(frame[picture_end(frame, syntax, size) or len(frame) :])
                for frame in frames
            )
    except UNREADABLE:  # said where it is decoded
        return False


def _frame_size(file: SliceFile) -> int:
    rows, columns = (dcm.integer(file.header, tag) or 0 for tag in (dcm.ROWS, dcm.COLUMNS))
    return 2 * rows * columns


def _more_than_padding(data: bytes) -> bool:
    return len(data.strip(b"\0\xff")) > _PADDING
