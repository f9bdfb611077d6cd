"""What DICOM files hold that no seal covers, and no list of attributes tells of.

Source: DICOM PS3.10 7.1 (the preamble is left to applications: by it a file may be a TIFF as well,
or a program), PS3.5 8.1.1 (frames lie one after the other, with one byte of padding at most).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal

from mitsgan.errors import counted, plain
from mitsgan.files.dicom import elements as dcm
from mitsgan.files.dicom.files import SliceFile
from mitsgan.files.dicom.find.parse import NATIVE
from mitsgan.files.dicom.frames import frame_count

_UNDEFINED = 0xFFFFFFFF


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
    rows, columns = (dcm.integer(file.header, tag) or 0 for tag in (dcm.ROWS, dcm.COLUMNS))
    if file.transfer_syntax not in NATIVE or file.pixel_offset is None:
        return False
    implicit, little = file.encoding
    order: Literal["little", "big"] = "little" if little else "big"
    whole = 2 * rows * columns * frame_count(file)
    with file.entry.open() as raw:
        raw.seek(file.pixel_offset)
        length = int.from_bytes(raw.read(8 if implicit else 12)[-4:], order)
        if length <= whole or length == _UNDEFINED:
            return False
        raw.seek(whole, 1)
        return any(raw.read(length - whole))
