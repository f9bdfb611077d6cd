"""Where a compressed picture ends, by its own marks."""

from __future__ import annotations

import struct
import zlib

import pytest
from pydicom.uid import UID, JPEG2000Lossless, JPEGLosslessSV1, RLELossless

from mitsgan.files.dicom.pixels.decode import DEFLATED_FRAMES, ENCAPSULATED_PLAIN
from mitsgan.files.dicom.pixels.ends import picture_end

_END = b"\xff\xd9"


def segment(mark: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, mark, len(content) + 2) + content


def tile_part(content: bytes, *, to_the_end: bool = False) -> bytes:
    length = 0 if to_the_end else 14 + len(content)
    return segment(0x90, struct.pack(">HIBB", 0, length, 0, 1)) + b"\xff\x93" + content


_DECOY = segment(0xE0, _END) + segment(0xFE, b"x" + _END)
_JPEG = (
    b"\xff\xd8" + _DECOY + segment(0xDA, b"1" + _END) + b"\1\xff\0\2\xff\xd0\3\xff" + _DECOY + _END
)
_2000 = b"\xff\x4f" + segment(0x51, _END * 8) + segment(0x64, _END)
_KINDS: dict[str, tuple[UID, bytes]] = {
    "jpeg": (JPEGLosslessSV1, _JPEG),
    "jpeg 2000": (JPEG2000Lossless, _2000 + tile_part(b"1\xff\xd92") + tile_part(b"3") + _END),
    "jpeg 2000, last part open": (
        JPEG2000Lossless,
        _2000 + tile_part(b"12") + tile_part(b"34", to_the_end=True) + _END,
    ),
    "rle": (
        RLELossless,
        struct.pack("<16I", 2, 64, 70, *[0] * 13) + b"\xf9\1\0\0\0\0" + b"\x03abcd\x80\xfd\7",
    ),
    "plain": (ENCAPSULATED_PLAIN, bytes(16)),
    "deflated": (DEFLATED_FRAMES, zlib.compress(bytes(16), wbits=-zlib.MAX_WBITS)),
}


@pytest.mark.parametrize("kind", _KINDS)
def test_the_end_is_where_the_picture_says(kind: str) -> None:
    syntax, frame = _KINDS[kind]
    for behind in (b"", b"hidden", frame, _END):
        assert picture_end(frame + behind, syntax, 16) == len(frame)


@pytest.mark.parametrize("kind", ["jpeg", "jpeg 2000", "jpeg 2000, last part open", "deflated"])
def test_of_a_cut_picture_it_is_not_known(kind: str) -> None:
    syntax, frame = _KINDS[kind]
    for length in range(len(frame)):
        assert picture_end(frame[:length], syntax, 16) is None
