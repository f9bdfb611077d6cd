"""Whether the tables that say where compressed frames begin say what lies there.

A program that goes by a table and one that goes from fragment to fragment must not see two
different pictures, or frames in two different orders.

Source: DICOM PS3.5 A.4 (encapsulated pixel data, basic offset table), PS3.3 C.7.6.3.1.8 (extended
offset table).
"""

from __future__ import annotations

import struct
from itertools import pairwise
from typing import BinaryIO

from mitsgan.errors import ScanError
from mitsgan.files.dicom import elements as dcm
from mitsgan.files.dicom.files import SliceFile
from mitsgan.files.dicom.find.parse import NATIVE
from mitsgan.files.dicom.frames import frame_count

_EXTENDED_TABLE = 0x7FE00001
_UNDEFINED = 0xFFFFFFFF
_ITEM = b"\xfe\xff\x00\xe0"
_HEAD = 12
"""Bytes before the value of *Pixel Data* where its VR is explicit, as in all compressed files."""


def check_offsets(file: SliceFile) -> None:
    """Raise unless each table there is has every frame begin where a fragment does, in their order.

    Raises:
        ScanError: one says something else.
        OSError: the file cannot be read.
    """
    if file.pixel_offset is None or file.transfer_syntax in NATIVE:
        return
    with file.entry.open() as raw:
        raw.seek(file.pixel_offset)
        head = raw.read(_HEAD)
        if len(head) < _HEAD or int.from_bytes(head[8:], "little") != _UNDEFINED:
            return  # not compressed: whoever decodes it says so
        table, starts = _fragments(raw)
    count = frame_count(file)
    # Without a table, several frames are one fragment each.
    said = [offsets for offsets in (table, _extended(file)) if offsets]
    for offsets in said or ([starts] if count > 1 else []):
        in_order = offsets[:1] == [0] and all(a < b for a, b in pairwise(offsets))
        if not (in_order and len(offsets) == count and set(offsets) <= set(starts)):
            raise ScanError(
                f"{file.path}: where its {count} frame(s) begin is not what it says, or is not "
                f"said: other programs may show another picture than mitsgan; rewrite it with a "
                f"DICOM tool, if you know where it comes from"
            )


def _fragments(raw: BinaryIO) -> tuple[list[int], list[int]]:
    """The basic offset table, and where fragments begin: bytes behind that table."""
    table: list[int] | None = None
    starts: list[int] = []
    begin = 0
    while (head := raw.read(8))[:4] == _ITEM and len(head) == 8:
        length = int.from_bytes(head[4:], "little")
        if table is None:
            data = raw.read(length)
            table = list(struct.unpack(f"<{length // 4}I", data[: length // 4 * 4]))
            begin = raw.tell()
            continue
        starts.append(raw.tell() - 8 - begin)
        raw.seek(length, 1)
    return table or [], starts


def _extended(file: SliceFile) -> list[int]:
    element = dcm.element(file.header, _EXTENDED_TABLE)
    value = bytes(element.value or b"") if element is not None else b""
    return list(struct.unpack(f"<{len(value) // 8}Q", value[: len(value) // 8 * 8]))
