"""What a compressed frame says of its own size: looked at before anything is decoded.

A few bytes may stand for a picture that no memory holds. Decoders believe them; the header of the
file tells how large a frame is.

Source: ITU-T T.81 B.2.2 (frame header of JPEG), T.87 C.2.2 (JPEG-LS), T.800 A.5.1 (size of an image
in JPEG 2000).
"""

from __future__ import annotations

import struct

START_2000 = b"\xff\x4f\xff\x51"
"""With which JPEG 2000 begins."""
START = b"\xff\xd8\xff"
"""With which JPEG and JPEG-LS begin: the start of an image, and of the next mark."""
END = b"\xff\xd9"
"""With which all three end."""
_FRAME_HEADERS = frozenset({*range(0xC0, 0xD0), 0xF7}) - {0xC4, 0xC8, 0xCC}
WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})
"""Marks of JPEG that stand alone."""
_LONGEST_RLE = 2
"""Times the size of a frame that its RLE may take: it never needs more than 129 / 128."""


def check_size(frame: bytes, rows: int, columns: int) -> None:
    """Raise unless a frame that says its size has so many rows and columns.

    Args:
        frame: JPEG, JPEG-LS, JPEG 2000; others say nothing.
        rows, columns: what the header of the file says.

    Raises:
        ValueError: it has another size.
    """
    size = _size_2000(frame) if START_2000 in frame[:256] else _size(frame)
    if size is not None and size != (rows, columns):
        raise ValueError(f"a picture of {size[0]} x {size[1]}, expected {rows} x {columns}")


def check_rle(frame: bytes, size: int) -> None:
    """Raise where RLE is longer than any of a frame of so many bytes is: it may grow to 64 times.

    Raises:
        ValueError: it is.
    """
    if len(frame) > _LONGEST_RLE * size + 64:
        raise ValueError(f"{len(frame)} bytes of RLE for a frame of {size}")


def _size_2000(frame: bytes) -> tuple[int, int] | None:
    at = frame.index(START_2000) + 8
    if len(frame) < at + 16:
        return None
    right, bottom, left, top = struct.unpack_from(">4I", frame, at)
    return bottom - top, right - left


def _size(frame: bytes) -> tuple[int, int] | None:
    at = 2 if frame.startswith(START) else len(frame)
    while at + 9 <= len(frame) and frame[at] == 0xFF:
        marker = frame[at + 1]
        if marker == 0xFF or marker in WITHOUT_LENGTH:
            at += 1 if marker == 0xFF else 2
            continue
        if marker in _FRAME_HEADERS:
            rows, columns = struct.unpack_from(">2H", frame, at + 5)
            return rows, columns
        (length,) = struct.unpack_from(">H", frame, at + 2)
        at += 2 + length
    return None
