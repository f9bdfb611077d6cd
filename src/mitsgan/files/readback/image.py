"""Images read by their bytes: NIfTI, MetaImage and NRRD, as far as mitsgan writes them.

Kinds that others write and mitsgan does not (ASCII, a file per slice) are left to SimpleITK.

Source: nifti1.h and nifti2.h of the NIfTI standard; ITK's MetaIO; the NRRD format definition.
"""

from __future__ import annotations

import gzip
import mmap
import re
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk  # noqa: N813
from numpy.typing import NDArray

from mitsgan.errors import OutputError
from mitsgan.files.readback.slices import StoredSlice
from mitsgan.quiet import UNREADABLE, mute

_NIFTI = {2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8"} | {
    256: "i1",
    512: "u2",
    768: "u4",
    1024: "i8",
    1280: "u8",
}
_META = {
    "MET_SHORT": "i2",
    "MET_USHORT": "u2",
    "MET_INT": "i4",
    "MET_UINT": "u4",
    "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
    "MET_LONG_LONG": "i8",
    "MET_ULONG_LONG": "u8",
}
_NRRD = {
    "short": "i2",
    "ushort": "u2",
    "unsigned short": "u2",
    "int": "i4",
    "uint": "u4",
    "unsigned int": "u4",
    "float": "f4",
    "double": "f8",
    "longlong": "i8",
    "ulonglong": "u8",
}
_LONGEST_HEADER = 1 << 20


def image_slices(path: Path, hu_offset: float = 0.0) -> Iterator[StoredSlice]:
    """The slices of an image, along its last axis.

    Args:
        path: the file.
        hu_offset: HU that were added to its values.

    Raises:
        OutputError: it cannot be read.
    """
    try:
        values, slope, intercept = _values(path)
    except (*UNREADABLE, MemoryError) as error:
        raise OutputError(
            f"{path.name} cannot be read anew ({' '.join(str(error).split())}); nothing was written"
        ) from error
    for z, plane in enumerate(values):
        yield StoredSlice(z, plane, slope, intercept + hu_offset)


def _values(path: Path) -> tuple[NDArray[Any], float, float]:
    """Stored values ``[z, y, x]``, slope and intercept."""
    name = path.name.lower()
    if name.endswith((".nii", ".nii.gz", ".hdr", ".img")):
        return _nifti(path)
    values = _metaimage(path) if name.endswith((".mha", ".mhd")) else _nrrd(path)
    if values is None:
        with mute():
            values = sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
    return values, 1.0, 0.0


def _nifti(path: Path) -> tuple[NDArray[Any], float, float]:
    header = _unpacked(path.with_suffix(".hdr") if path.suffix in (".hdr", ".img") else path)
    order = "<" if struct.unpack("<i", header[:4])[0] in (348, 540) else ">"
    if struct.unpack(f"{order}i", header[:4])[0] == 540:
        kind = struct.unpack(f"{order}h", header[12:14])[0]
        dimensions = struct.unpack(f"{order}8q", header[16:80])
        start, slope, intercept = struct.unpack(f"{order}qdd", header[168:192])
    else:
        kind = struct.unpack(f"{order}h", header[70:72])[0]
        dimensions = struct.unpack(f"{order}8h", header[40:56])
        start, slope, intercept = struct.unpack(f"{order}fff", header[108:120])
    data = header
    if path.suffix in (".hdr", ".img"):
        data = _unpacked(path.with_suffix(".img"))
    x, y, z = (int(n) for n in dimensions[1:4])
    values = np.frombuffer(data, f"{order}{_NIFTI[kind]}", x * y * z, int(start))
    if slope == 0 or not np.isfinite(slope):  # says that values are as they are
        slope, intercept = 1.0, 0.0
    return values.reshape(z, y, x), float(slope), float(intercept)


def _metaimage(path: Path) -> NDArray[Any] | None:
    content = _content(path)
    end = content.find(b"ElementDataFile")
    end = content.find(b"\n", end) + 1 if end >= 0 else 0
    lines = (line.partition(b"=") for line in content[:end].splitlines())
    fields = {_text(key): _text(value) for key, _, value in lines}
    kind = _META.get(fields.get("ElementType", ""))
    file = fields.get("ElementDataFile", "")
    binary = fields.get("BinaryData", "True") == "True"
    if kind is None or not file or file.startswith("LIST") or "%" in file or not binary:
        return None
    if fields.get("HeaderSize", "0") != "0":
        return None
    data: memoryview | bytes = memoryview(content)[end:]
    if file.upper() != "LOCAL":
        data = memoryview(_content(path.parent / file))
    if fields.get("CompressedData", "False") == "True":
        data = zlib.decompress(data)
    big = (fields.get("BinaryDataByteOrderMSB") or fields.get("ElementByteOrderMSB")) == "True"
    x, y, z = (int(n) for n in fields["DimSize"].split())
    return np.frombuffer(data, f"{'>' if big else '<'}{kind}", x * y * z).reshape(z, y, x)


def _nrrd(path: Path) -> NDArray[Any] | None:
    content = _content(path)
    blank = re.search(rb"\r?\n\r?\n", content[:_LONGEST_HEADER])
    header = content[: blank.start()] if blank else content[:_LONGEST_HEADER]
    lines = (line.partition(b": ") for line in header.splitlines() if not line.startswith(b"#"))
    fields = {_text(key): _text(value) for key, _, value in lines}
    kind = _NRRD.get(fields.get("type", ""))
    encoding = fields.get("encoding", "")
    file = fields.get("data file") or fields.get("datafile")
    sizes = [int(n) for n in fields.get("sizes", "").split()]
    if kind is None or encoding not in ("raw", "gzip", "gz") or len(sizes) != 3:
        return None
    if (file and ("%" in file or file == "LIST")) or {"line skip", "byte skip"} & fields.keys():
        return None
    data: memoryview | bytes
    if file:
        data = memoryview(_content(path.parent / file))
    elif blank:
        data = memoryview(content)[blank.end() :]
    else:
        return None
    if encoding != "raw":
        data = gzip.decompress(data)
    x, y, z = sizes
    order = ">" if fields.get("endian") == "big" else "<"
    return np.frombuffer(data, f"{order}{kind}", x * y * z).reshape(z, y, x)


def _text(raw: bytes) -> str:
    """What a header says, names of data files among it: UTF-8, or bytes to find a file by."""
    return raw.strip().decode("utf-8", "surrogateescape")


def _content(path: Path) -> mmap.mmap:
    """The bytes of a file, without a copy of them in memory."""
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _unpacked(path: Path) -> mmap.mmap | bytes:
    data = _content(path)
    return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
