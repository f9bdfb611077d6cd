"""An image file as bytes: what stands around its voxels, and how these are packed.

So that a file can be made again as it was, header and all, from its voxels alone. Nothing is
parsed for that: the bytes of the voxels are looked for in the file. Only where a format compresses
voxels within the file does its header say where they begin.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from numpy.typing import NDArray

from mitsgan.errors import ScanError
from mitsgan.files.itk import read_itk
from mitsgan.files.nifti_source import NIFTI_SUFFIXES, PAIR_SUFFIXES

Packing = Literal["", "gzip", "zlib"]

_GZIP = b"\x1f\x8b"
_ANY_WRAPPER = zlib.MAX_WBITS | 32
_LONGEST_HEADER = 1 << 20
_META_END = re.compile(rb"^ElementDataFile *= *(\S[^\r\n]*)\r?\n", re.MULTILINE)
_NRRD_DATA = re.compile(rb"^data ?file: *([^\r\n]+?) *\r?$", re.MULTILINE | re.IGNORECASE)
_NRRD_END = re.compile(rb"\r?\n\r?\n")
_PACKED_SIZE = re.compile(rb"^(CompressedDataSize *= *)\d+", re.MULTILINE)


@dataclass(frozen=True)
class Surroundings:
    """All of an image but its voxels.

    Attributes:
        before, after: the bytes around the voxels, in the file that holds them.
        header: the file that was named, where the voxels are in another one.
        data_name: the name of that other file.
        big: whether voxels are big endian.
        packing: how the voxels alone are compressed.
        wrapped: whether the whole file is in gzip.
    """

    before: bytes
    after: bytes
    header: bytes
    data_name: str
    big: bool
    packing: Packing
    wrapped: bool


def stored_values(path: Path) -> NDArray[Any]:
    """The stored values of an image ``[z, y, x]`` in the order of the file, without a rescale.

    Raises:
        ScanError: it cannot be read.
    """
    name = path.name.lower()
    if not name.endswith((*NIFTI_SUFFIXES, *PAIR_SUFFIXES)):
        return read_itk(path).stored
    from mitsgan.files.nifti import read_nifti

    return read_nifti(path).stored


def take_apart(path: Path, values: NDArray[Any]) -> Surroundings:
    """What stands around the voxels of an image.

    Args:
        path: the image.
        values: its stored values.

    Raises:
        ScanError: its voxels do not stand in one piece in one file.
    """
    content = path.read_bytes()
    wrapped = content[:2] == _GZIP
    if wrapped:
        content = gzip.decompress(content)
    header, data_name = b"", _data_name(path, content)
    if data_name:
        header, content = content, (path.parent / data_name).read_bytes()
    for big in (False, True):
        voxels = values.astype(values.dtype.newbyteorder(">" if big else "<"), copy=False)
        data = voxels.tobytes()
        at = content.find(data)
        if at >= 0:
            after = content[at + len(data) :]
            return Surroundings(content[:at], after, header, data_name, big, "", wrapped)
        start = 0 if data_name else _header_length(path, content)
        packing: Packing = "gzip" if content[start : start + 2] == _GZIP else "zlib"
        rest = _unpacked(content[start:], data)
        if rest is not None:
            return Surroundings(content[:start], rest, header, data_name, big, packing, wrapped)
    raise ScanError(
        f"the voxels of {path} do not stand in one piece in one file, so it could not be given "
        f"back as it was; convert it to .nii.gz, or to .mha or .nrrd in binary, first"
    )


def put_together(parts: Surroundings, values: NDArray[Any], path: Path) -> None:
    """Write the image with these stored values; a data file of its own gets its old name.

    Args:
        parts: what stood around them.
        values: in the dtype of the image.
        path: the image to be, in a folder that is there.
    """
    voxels = values.astype(values.dtype.newbyteorder(">" if parts.big else "<"), copy=False)
    data: bytes = voxels.tobytes()
    before, header = parts.before, parts.header
    if parts.packing:
        data = gzip.compress(data, 6, mtime=0) if parts.packing == "gzip" else zlib.compress(data)
        before, header = (_with_size(text, len(data)) for text in (before, header))
    target = path.with_name(parts.data_name) if parts.data_name else path
    whole = (before, data, parts.after)
    if parts.wrapped and not parts.data_name:
        target.write_bytes(gzip.compress(b"".join(whole), 6, mtime=0))
    else:
        _write(target, whole)
    if parts.data_name:
        path.write_bytes(header)


def _write(path: Path, parts: Sequence[bytes]) -> None:
    with path.open("wb") as file:
        for part in parts:
            file.write(part)


def _data_name(path: Path, content: bytes) -> str:
    """The file beside a header that holds its voxels; empty where they are in it."""
    name = path.name.lower()
    match = None
    if name.endswith((".mha", ".mhd")):
        match = _META_END.search(content[:_LONGEST_HEADER])
    elif name.endswith((".nrrd", ".nhdr")):
        end = _header_length(path, content) or len(content)
        match = _NRRD_DATA.search(content[:end])
    text = "" if match is None else match[1].decode("utf-8", "replace").strip()
    if text.upper() == "LOCAL":
        return ""
    if text and (Path(text).name != text or not (path.parent / text).is_file()):
        raise ScanError(
            f"{path} keeps its voxels in {text!r}, not in one file beside it, so it could not be "
            f"given back as it was; convert it to .nii.gz, .mha or .nrrd first"
        )
    return text


def _header_length(path: Path, content: bytes) -> int:
    """Where voxels may begin in a file that compresses them alone."""
    pattern = _NRRD_END if path.name.lower().endswith((".nrrd", ".nhdr")) else _META_END
    end = pattern.search(content[:_LONGEST_HEADER])
    return 0 if end is None else end.end()


def _unpacked(content: bytes, data: bytes) -> bytes | None:
    """What follows compressed bytes, if they hold ``data``; None if they do not."""
    reader = zlib.decompressobj(_ANY_WRAPPER)
    try:
        same = reader.decompress(content, len(data) + 1) == data and reader.eof
    except zlib.error:
        return None
    return reader.unused_data if same else None


def _with_size(text: bytes, size: int) -> bytes:
    """A MetaImage header with the number of bytes that its voxels take now."""
    return _PACKED_SIZE.sub(rb"\g<1>" + str(size).encode(), text)
