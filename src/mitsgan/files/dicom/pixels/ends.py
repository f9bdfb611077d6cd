"""Where a compressed picture ends within the bytes of its frame: decoders do not look behind it.

Source: ITU-T T.81 B.1.1 (markers of JPEG), T.87 C.1 (JPEG-LS), T.800 A.4 (tile-parts of JPEG 2000);
DICOM PS3.5 annex G (RLE) and A.4.15 (deflated frames).
"""

from __future__ import annotations

import re
import struct
import zlib

from pydicom.uid import UID, RLELossless

from mitsgan.files.dicom.pixels.codestream import END, START, START_2000, WITHOUT_LENGTH
from mitsgan.files.dicom.pixels.decode import DEFLATED_FRAMES, ENCAPSULATED_PLAIN

_SCAN, _TILE_PART, _TILE_DATA = b"\xff\xda", b"\xff\x90", b"\xff\x93"
_AFTER_SCAN = re.compile(rb"\xff[\xc0-\xcf\xd8-\xfe]")
"""Within coded values, 0xFF stands before less than 0x80, or before a mark to restart at."""
_LEAST_TILE_PART = 14
_RLE_HEAD = 64


def picture_end(frame: bytes, syntax: UID, size: int) -> int | None:
    """How many bytes of a frame its picture takes; None where that is not known.

    Args:
        frame: as it is encapsulated.
        syntax: how it is encoded.
        size: of the picture, bytes.
    """
    if syntax == ENCAPSULATED_PLAIN:
        return size
    if syntax == DEFLATED_FRAMES:
        reader = zlib.decompressobj(-zlib.MAX_WBITS)
        reader.decompress(frame, size + 1)
        return len(frame) - len(reader.unused_data) if reader.eof else None
    try:
        if syntax == RLELossless:
            return _end_of_rle(frame, size)
        if frame.startswith(START_2000):
            return _end_of_2000(frame)
        return _end_of_jpeg(frame) if frame.startswith(START) else None
    except (struct.error, IndexError):
        return None


def _end_of_jpeg(frame: bytes) -> int | None:
    at = 2
    while frame[at] == 0xFF:
        mark = frame[at : at + 2]
        if mark == END:
            return at + 2
        if mark[1] == 0xFF or mark[1] in WITHOUT_LENGTH:
            at += 1 if mark[1] == 0xFF else 2
            continue
        at += 2 + _length(frame, at)
        if mark == _SCAN:
            following = _AFTER_SCAN.search(frame, at)
            if following is None:
                return None
            at = following.start()
    return None


def _end_of_2000(frame: bytes) -> int | None:
    at = 2
    while (mark := frame[at : at + 2]) != END:
        if mark != _TILE_PART:
            if mark[0] != 0xFF:
                return None
            at += 2 + _length(frame, at)
            continue
        (length,) = struct.unpack_from(">I", frame, at + 6)
        if length == 0:  # the last one, up to the end
            end = frame.find(END, max(frame.find(_TILE_DATA, at), at))
            return None if end < 0 else end + 2
        if length < _LEAST_TILE_PART:
            return None
        at += length
    return at + 2


def _length(frame: bytes, at: int) -> int:
    (length,) = struct.unpack_from(">H", frame, at + 2)
    return int(length)


def _end_of_rle(frame: bytes, size: int) -> int | None:
    """Where the last segment has given its bytes of all pixels."""
    offsets: list[int]
    count, *offsets = struct.unpack_from("<16I", frame)
    if not 0 < count < _RLE_HEAD // 4 or min(offsets[:count]) < _RLE_HEAD:
        return None
    at, left = max(offsets[:count]), size // count
    while left > 0:
        head = frame[at]
        if head < 128:
            at, left = at + 2 + head, left - 1 - head
        elif head > 128:
            at, left = at + 2, left - 257 + head
        else:
            at += 1
    return at
