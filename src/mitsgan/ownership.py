"""Whether a file was made by mitsgan: only such a file is ever replaced.

A mistyped name must not cost anybody their documents or a patient's original scan. So each kind of
output carries a mark of ours, and what carries none is left alone, whatever it is called.
"""

from __future__ import annotations

import gzip
import json
import zipfile
import zlib
from pathlib import Path
from typing import Literal

NAME = "mitsgan"

KEPT_ORIGINAL = b"mitsgan-original"
"""Stands near the end of a file that holds the encrypted original of a protected scan."""

_START = 1 << 14
"""Bytes that hold the mark of every kind but DICOM and JSON."""
_END = len(KEPT_ORIGINAL) + 32
"""Bytes that hold the mark of a kept original, which its SHA-256 follows."""
_DICOM_HEADER = 1 << 19
_DICOM_MARKS = (
    b"\x08\x00\x70\x00LO\x08\x00mitsgan ",  # (0008,0070), explicit, implicit, big endian
    b"\x08\x00\x70\x00\x08\x00\x00\x00mitsgan ",
    b"\x00\x08\x00\x70LO\x00\x08mitsgan ",
    *(b"\x02\x00\x13\x00SH" + bytes([n, 0]) + b"MITSGAN_" for n in range(8, 18, 2)),  # (0002,0013)
)
_LARGEST_JSON = 1 << 28
_ARRAYS = (
    {"cubes.npy", "patient.npy", "series.npy", "about.npy"},  # cubes to train on
    {"place.npy", "region.npy", "plane.npy"},  # a gallery of a run
)
_PNG = b"\x89PNG\r\n\x1a\n"
_GZIP = b"\x1f\x8b"
_NIFTI_SIZES = {348: 344, 540: 4}
"""Size of a NIfTI header, and where its magic is."""
_COMMENT = 6


def is_ours(path: Path) -> bool:
    """Whether a file was made by mitsgan, by the mark in it; False where it cannot be read.

    DICOM: *Contributing Equipment* (0018,A001), *Manufacturer*, or *Implementation Version Name*.
    JSON: ``kind`` and ``schema``, or the format of a seal. HTML, Markdown: the generator. CSV: the
    columns of a report. PNG: *Software*. NIfTI: a comment. MHA, MHD, NRRD: a key. safetensors: a
    card. npz: the arrays of our own kinds. p7m: a mark near its end.
    """
    try:
        with path.open("rb") as file:
            start = file.read(_START)
    except OSError:
        return False
    if start[128:132] == b"DICM":
        return _is_our_dicom(path)
    if start[:2] == _GZIP:
        return _is_our_nifti(_unpacked(start))
    if start[:1] == b"{":
        return _is_our_json(path)
    if start[:2] == b"PK":
        return _is_our_npz(path)
    if start.startswith(_PNG):
        return b"tEXtSoftware\0" + NAME.encode() in start
    if path.suffix.lower() == ".p7m":
        return KEPT_ORIGINAL in _end(path)
    return _is_our_nifti(start) or any(mark in start for mark in _marks(path.suffix.lower()))


def _marks(suffix: str) -> tuple[bytes, ...]:
    """What our files of an ending hold near their start."""
    name = NAME.encode()
    if suffix in (".mha", ".mhd", ".nrrd", ".nhdr"):
        return (b"mitsgan_derivation",)
    if suffix in (".html", ".htm"):
        return (b'<meta name="generator" content="' + name,)
    if suffix == ".md":
        return (b"\n\n" + name + b" ",)  # its second paragraph is program and version
    if suffix == ".csv":
        return (b"table,title,row,column,label,unit,value\n",)
    if suffix == ".safetensors":
        return (b'"__metadata__":{"' + name + b'":',)
    return ()


def _end(path: Path) -> bytes:
    """The last bytes of a file, as many as hold the mark of an original."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _END))
        return file.read(_END)


def _is_our_json(path: Path) -> bool:
    try:
        if path.stat().st_size > _LARGEST_JSON:
            return False
        tree = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    if not isinstance(tree, dict):
        return False
    if str(tree.get("format", "")).startswith(f"{NAME}-"):
        return True
    return isinstance(tree.get("kind"), str) and isinstance(tree.get("schema"), int)


def _is_our_npz(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
    except (OSError, ValueError, zipfile.BadZipFile):
        return False
    return any(arrays <= names for arrays in _ARRAYS)


def _is_our_dicom(path: Path) -> bool:
    """Whether an element before the pixels names us as the maker, or group 0002 as the writer.

    Told by the bytes of these elements, in the three ways that they can be encoded: whoever drives
    attackers replaces files too, and has no way to DICOM.
    """
    try:
        with path.open("rb") as file:
            header = file.read(_DICOM_HEADER)
    except OSError:
        return False
    return any(mark in header for mark in _DICOM_MARKS)


def _is_our_nifti(start: bytes) -> bool:
    """Whether it is NIfTI with a comment of ours (NIfTI-1 standard, header extensions)."""
    orders: tuple[Literal["little", "big"], ...] = ("little", "big")
    for order in orders:
        size = int.from_bytes(start[:4], order)
        magic = _NIFTI_SIZES.get(size)
        if magic is None or start[magic : magic + 2] not in (b"n+", b"ni"):
            continue
        at = size + 4
        while at + 8 <= len(start) and start[size]:
            length = int.from_bytes(start[at : at + 4], order)
            code = int.from_bytes(start[at + 4 : at + 8], order)
            if length < 8:
                break
            if code == _COMMENT and NAME.encode() in start[at + 8 : at + length]:
                return True
            at += length
    return False


def _unpacked(start: bytes) -> bytes:
    """As much as the start of a gzip file holds."""
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(start, _START)
    except (zlib.error, gzip.BadGzipFile):
        return b""
