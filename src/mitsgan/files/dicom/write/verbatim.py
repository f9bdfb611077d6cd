"""A DICOM file as it was read: all but its pixels, and the file made again with pixels.

Source: DICOM PS3.5 section 7, PS3.10 section 7.1.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian

from mitsgan.files.dicom.files import SliceFile
from mitsgan.files.dicom.find.parse import NATIVE
from mitsgan.files.dicom.frames import frame_count
from mitsgan.files.dicom.pixels.form import PixelFormat
from mitsgan.files.dicom.pixels.read import UNCOMPRESSED, read_words
from mitsgan.files.dicom.pixels.write import (
    encode_pixels,
    native_bytes,
    output_syntax,
    plain_syntax,
)
from mitsgan.files.dicom.write.encode import FILE_META, Encoding
from mitsgan.files.dicom.write.header import charset
from mitsgan.files.dicom.write.series import deflated, write_parts

_PREAMBLE = 128
_TRANSFER_SYNTAX = 0x00020010
_OF_OLD_FRAMES = frozenset({0x7FE00001, 0x7FE00002, 0x7FE00003})
"""Offsets and lengths of compressed frames, which do not hold for those compressed anew."""


@dataclass(frozen=True)
class Verbatim:
    """All of a file but its pixels.

    Attributes:
        before, after: the bytes around the pixels. Of a file that is put together anew: its
            preamble and the elements before *Pixel Data*, and the elements after.
        meta: of a file that is put together anew: group 0002 before the transfer syntax, without
            its length, and after it, in hexadecimal.
        syntaxes: with ``meta``: the transfer syntax to write, and the uncompressed one.
        sha256: of the whole file, where it is not put together anew.
    """

    before: bytes
    after: bytes
    meta: tuple[str, str] | None
    syntaxes: tuple[str, str] | None
    sha256: str | None


def verbatim(file: SliceFile, form: PixelFormat) -> tuple[Verbatim, list[NDArray[Any]]]:
    """All of a file but its pixels, and the words of its frames.

    Raises:
        ScanError: the pixels cannot be read.
    """
    words = [np.empty((form.rows, form.columns), form.dtype) for _ in range(frame_count(file))]
    tail = read_words(file, form, dict(enumerate(words)))
    if file.transfer_syntax in NATIVE:
        with file.entry.open() as raw:
            content = raw.read()
        start = (file.pixel_offset or 0) + (8 if file.encoding[0] else 12)
        end = start + sum(frame.nbytes for frame in words)
        digest = hashlib.sha256(content).hexdigest()
        return Verbatim(content[:start], content[end:], None, None, digest), words
    encoding, names = Encoding(*file.encoding), charset(file.header)
    header = [e for tag, e in sorted(file.header.items()) if tag not in _OF_OLD_FRAMES]
    rest = [] if tail is None else [element for _, element in sorted(tail.items())]
    elements = sorted(file.meta.items())
    first = [e for tag, e in elements if 0x00020000 < tag < _TRANSFER_SYNTAX]
    last = [e for tag, e in elements if tag > _TRANSFER_SYNTAX]
    meta = FILE_META.encode(first).hex(), FILE_META.encode(last).hex()
    before = file.preamble + encoding.encode(header, names)
    syntaxes = str(output_syntax(file)), str(plain_syntax(file))
    return Verbatim(before, encoding.encode(rest, names), meta, syntaxes, None), words


def write_verbatim(
    path: Path,
    kept: Verbatim,
    words: Sequence[NDArray[Any]],
    form: PixelFormat,
    encoding: tuple[bool, bool],
) -> None:
    """Write a file with these words as its pixels.

    Args:
        path: the file to be.
        kept: all else.
        words: of each frame.
        form: how they are stored.
        encoding: whether elements are implicit VR, and little endian.
    """
    elements = Encoding(*encoding)
    whole = words[0] if len(words) == 1 else np.stack(words)
    data = native_bytes(whole, little=elements.little)
    if kept.meta is None or kept.syntaxes is None:
        write_parts(path, [kept.before, data, kept.after])
        return
    syntax = UID(kept.syntaxes[0])
    packed = None if syntax in UNCOMPRESSED else encode_pixels(words, form, syntax)
    if packed is not None:
        data = memoryview(packed)
    elif syntax not in UNCOMPRESSED:
        syntax = UID(kept.syntaxes[1])
    parts: list[bytes | memoryview] = [
        kept.before[_PREAMBLE:],
        *elements.pixel_data(data, encapsulated=packed is not None),
        kept.after,
    ]
    if syntax == DeflatedExplicitVRLittleEndian:
        parts = [deflated(b"".join(parts))]
    write_parts(path, [kept.before[:_PREAMBLE], _meta(kept.meta, syntax), *parts])


def _meta(around: tuple[str, str], syntax: UID) -> bytes:
    """The mark and group 0002."""
    first, last = (bytes.fromhex(part) for part in around)
    own = FILE_META.encode([FILE_META.raw(_TRANSFER_SYNTAX, "UI", str(syntax))])
    body = first + own + last
    length = FILE_META.raw(0x00020000, "UL", len(body).to_bytes(4, "little"))
    return b"DICM" + FILE_META.encode([length]) + body
