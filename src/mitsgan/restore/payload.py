"""What is encrypted: a description of the original, its headers, and the difference of its voxels.

Eight bytes say how long the description is (JSON), eight more how long the headers are (xz); the
rest are the slabs of the difference. docs/restore.md.
"""

from __future__ import annotations

import lzma
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from mitsgan.restore.errors import RestoreError
from mitsgan.typed import parse_json, to_json

FORMAT, VERSION = "mitsgan-original", 1

_LENGTH = 8
_LARGEST_HEADERS = 1 << 31


@dataclass(frozen=True)
class OriginalFile:
    """One DICOM file of the original.

    Attributes:
        name: below the folder that was read.
        protected_instance: *SOP Instance UID* of what was made of it.
        frames, rows, columns, bits_stored, signed: of its pixels.
        implicit, little: how its elements are encoded.
        meta: group 0002 around the transfer syntax in hexadecimal, where the file is put together
            anew since its pixels were compressed; None where its bytes are given back as they were.
        syntaxes: with ``meta``: the transfer syntax to write, and the one to fall back on.
        protected: SHA-256 of the words of each protected frame.
        sha256: of the whole file, where its bytes are given back as they were.
    """

    name: str
    protected_instance: str
    frames: int
    rows: int
    columns: int
    bits_stored: int
    signed: bool
    implicit: bool
    little: bool
    meta: tuple[str, str] | None
    syntaxes: tuple[str, str] | None
    protected: tuple[str, ...]
    sha256: str | None


@dataclass(frozen=True)
class OriginalImage:
    """The original where it is an image file.

    Attributes:
        ending: of its name, such as ``.nii.gz``.
        data_name: the file beside it that holds its voxels, or empty.
        big, packing, wrapped: see `mitsgan.files.surroundings.Surroundings`.
        protected: SHA-256 of the values of each protected slice.
    """

    ending: str
    data_name: str
    big: bool
    packing: Literal["", "gzip", "zlib"]
    wrapped: bool
    protected: tuple[str, ...]


@dataclass(frozen=True)
class Description:
    """What was kept.

    Attributes:
        original: digest of the original, see `mitsgan.restore.digest`.
        shape: of all its slices, ``[z, y, x]``, in the order of the difference.
        itemsize: bytes of a voxel.
        files: a DICOM series, in the order of its first slices; or
        image: an image file.
        headers: bytes of each header, in their order.
        slabs: bytes of each slab of the difference.
    """

    format: str
    version: int
    original: str
    shape: tuple[int, int, int]
    itemsize: int
    files: tuple[OriginalFile, ...]
    image: OriginalImage | None
    headers: tuple[int, ...]
    slabs: tuple[int, ...]


@dataclass(frozen=True)
class Payload:
    """A description with what it describes."""

    description: Description
    headers: tuple[bytes, ...]
    slabs: tuple[bytes, ...]

    def to_bytes(self) -> bytes:
        """As they are encrypted."""
        description = to_json(self.description).encode()
        headers = lzma.compress(b"".join(self.headers))
        lengths = (len(part).to_bytes(_LENGTH, "big") for part in (description, headers))
        return b"".join([*lengths, description, headers, *self.slabs])

    @classmethod
    def from_bytes(cls, data: bytes, where: str) -> Payload:
        """What `to_bytes` gave; ``where`` is what messages call it.

        Raises:
            RestoreError: it is something else, or damaged.
        """
        ends = [int.from_bytes(data[k : k + _LENGTH], "big") for k in (0, _LENGTH)]
        text, packed, rest = _cut(data[2 * _LENGTH :], ends, where)
        if not text.startswith(b"{"):
            raise _damaged(where)
        description = parse_json(text, Description, where, error=RestoreError)
        if (description.format, description.version) != (FORMAT, VERSION):
            raise RestoreError(
                f"{where} holds {description.format!r} of version {description.version}, expected "
                f"{FORMAT!r} of version {VERSION}; use the version of mitsgan that made it"
            )
        *headers, left = _cut(_unpacked(packed, where), description.headers, where)
        *slabs, over = _cut(rest, description.slabs, where)
        if left or over:
            raise _damaged(where)
        return cls(description, tuple(headers), tuple(slabs))


def _cut(data: bytes, lengths: Sequence[int], where: str) -> list[bytes]:
    """Pieces of these lengths, and the rest."""
    if min(lengths, default=0) < 0 or sum(lengths) > len(data):
        raise _damaged(where)
    pieces, at = [], 0
    for length in lengths:
        pieces.append(data[at : at + length])
        at += length
    return [*pieces, data[at:]]


def _unpacked(packed: bytes, where: str) -> bytes:
    reader = lzma.LZMADecompressor()
    try:
        data = reader.decompress(packed, _LARGEST_HEADERS)
    except (lzma.LZMAError, EOFError) as error:
        raise _damaged(where) from error
    if not reader.eof:
        raise _damaged(where)
    return data


def _damaged(where: str) -> RestoreError:
    return RestoreError(
        f"{where} does not hold an original as mitsgan keeps it: it is damaged or something else; "
        f"fetch it again"
    )
