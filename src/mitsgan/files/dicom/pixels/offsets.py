"""Whether the tables that say where compressed frames begin say what lies there.

A program that goes by a table and one that goes from fragment to fragment must not see two
different pictures, or frames in two different orders.

Source: DICOM PS3.5 A.4 (encapsulated pixel data, basic offset table), PS3.3 C.7.6.3.1.8 (extended
offset table).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import BinaryIO

from mitsgan.errors import ScanError
from mitsgan.files.dicom import elements as dcm
from mitsgan.files.dicom.files import SliceFile
from mitsgan.files.dicom.find.parse import NATIVE
from mitsgan.files.dicom.frames import frame_count
from mitsgan.files.dicom.pixels.codestream import END, START, START_2000

_EXTENDED_TABLE = 0x7FE00001
_ITEM = b"\xfe\xff\x00\xe0"
_LOOKED_AT = 10
"""Bytes at either end of a fragment: behind the end of a picture some writers leave a few."""
_HEAD = 12
"""Bytes before the value of *Pixel Data* where its VR is explicit, as in all compressed files."""


def check_offsets(file: SliceFile) -> None:
    """Raise unless each table there is has every frame begin where a fragment does, in their order.

    Without a table, frames are one fragment each, or begin and end by the markers of JPEG.

    Raises:
        ScanError: one says something else, or nothing does.
        OSError: the file cannot be read.
    """
    if file.pixel_offset is None or file.transfer_syntax in NATIVE:
        return
    with file.entry.open() as raw:
        if not to_fragments(raw, file):
            return  # whoever decodes it says so
        table, fragments = _fragments(raw)
    count, starts = frame_count(file), [fragment.start for fragment in fragments]
    pictures = _marked(fragments)
    tables = [offsets for offsets in (table, _extended(file)) if offsets]
    if not tables and count > 1 and len(starts) != count and pictures != count:
        raise ScanError(
            f"{file.path}: where its {count} frames begin is not said: it has no offset table, and "
            f"{len(starts)} fragments; let a DICOM tool that can read it decompress it first"
        )
    for offsets in tables:
        in_order = offsets[:1] == [0] and all(a < b for a, b in pairwise(offsets))
        if not (in_order and len(offsets) == count and set(offsets) <= set(starts)):
            raise ScanError(
                f"{file.path}: where its {count} frame(s) begin is not what its offset table says: "
                f"other programs may show another picture than mitsgan; rewrite it with a DICOM "
                f"tool, if you know where it comes from"
            )
    if pictures is not None and pictures > count:
        raise ScanError(
            f"{file.path} holds {pictures} compressed pictures for {count} frame(s): which of them "
            f"other programs show is unknown; rewrite it with a DICOM tool, if you know where it "
            f"comes from"
        )


def to_fragments(raw: BinaryIO, file: SliceFile) -> bool:
    """Go on to the first item of compressed *Pixel Data*; whether it is compressed.

    Args:
        raw: the file, open.
        file: whose transfer syntax says that it is.
    """
    raw.seek(file.pixel_offset or 0)
    head = raw.read(_HEAD)
    return len(head) == _HEAD and int.from_bytes(head[8:], "little") == dcm.UNDEFINED_LENGTH


@dataclass(frozen=True)
class _Fragment:
    """A piece of compressed pixels: where it starts, bytes behind the basic offset table, and
    whether it begins and ends as a picture in JPEG, JPEG-LS or JPEG 2000 does."""

    start: int
    begins: bool
    ends: bool


def _fragments(raw: BinaryIO) -> tuple[list[int], list[_Fragment]]:
    """The basic offset table, and the fragments behind it."""
    table: list[int] | None = None
    fragments: list[_Fragment] = []
    behind_table = 0
    while (head := raw.read(8))[:4] == _ITEM and len(head) == 8:
        length = int.from_bytes(head[4:], "little")
        if table is None:
            data = raw.read(length)
            table = list(struct.unpack(f"<{length // 4}I", data[: length // 4 * 4]))
            behind_table = raw.tell()
            continue
        start = raw.tell() - 8 - behind_table
        first = raw.read(min(length, _LOOKED_AT))
        raw.seek(max(length - 2 * _LOOKED_AT, 0), 1)
        last = (first + raw.read(min(length - len(first), _LOOKED_AT)))[-_LOOKED_AT:]
        fragments.append(_Fragment(start, first.startswith((START, START_2000)), END in last))
    return table or [], fragments


def _marked(fragments: Sequence[_Fragment]) -> int | None:
    """How many pictures the fragments hold by their markers; None where these leave it open.

    A picture begins in a fragment of its own, right behind the end of the one before: so whoever
    goes by beginnings and whoever goes by ends see the same ones.
    """
    ends = [True, *(fragment.ends for fragment in fragments)]
    begins = [*(fragment.begins for fragment in fragments), True]
    return sum(begins) - 1 if begins == ends else None


def _extended(file: SliceFile) -> list[int]:
    element = dcm.element(file.header, _EXTENDED_TABLE)
    value = bytes(element.value or b"") if element is not None else b""
    return list(struct.unpack(f"<{len(value) // 8}Q", value[: len(value) // 8 * 8]))
