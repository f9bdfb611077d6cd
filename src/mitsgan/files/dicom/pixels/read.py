"""Stored values out of the *Pixel Data* element.

Source: DICOM PS3.5 section 8 and annex A.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, get_frame
from pydicom.filereader import read_dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian

from mitsgan.errors import ScanError
from mitsgan.files.dicom import elements as dcm
from mitsgan.files.dicom.files import SliceFile
from mitsgan.files.dicom.find.parse import NATIVE, whole_dataset
from mitsgan.files.dicom.frames import frame_count
from mitsgan.files.dicom.pixels.decode import decodable, decode_frame, remedy
from mitsgan.files.dicom.pixels.form import PixelFormat
from mitsgan.files.dicom.pixels.offsets import to_fragments
from mitsgan.quiet import UNREADABLE, quiet, said

UNCOMPRESSED = {*NATIVE, DeflatedExplicitVRLittleEndian}

_CODESTREAMS = {
    b"\xff\xd8\xff\xf7": "JPEG-LS",
    b"\xff\xd8": "JPEG",
    b"\xff\x4f\xff\x51": "JPEG 2000",
}


def read_words(
    file: SliceFile, form: PixelFormat, into: Mapping[int, NDArray[Any]]
) -> Dataset | None:
    """Read frames of a file as the 16-bit words they are; give the elements after them, if any.

    Args:
        file: the file.
        form: how its frames are stored.
        into: an array ``[y, x]`` of `PixelFormat.dtype` for each frame, by its number from 0.

    Raises:
        ScanError: truncated or undecodable pixel data.
    """
    with _said_what_failed(file):
        if file.transfer_syntax in NATIVE:
            return _read_native(file, form, into)
        return _decode(file, form, into)


def read_frame(file: SliceFile, form: PixelFormat, number: int) -> NDArray[Any]:
    """One frame of a file ``[y, x]``, for whoever goes through them one by one.

    Raises:
        ScanError: see `read_words`.
    """
    out = np.empty((form.rows, form.columns), form.dtype)
    count = frame_count(file)
    if count == 1 or file.transfer_syntax in UNCOMPRESSED:
        read_words(file, form, {number: out})
        return out
    with _said_what_failed(file):
        # To read all of the file for each of its frames would take time by their square.
        with file.entry.open() as raw:
            if not to_fragments(raw, file):
                raise ValueError("it is not compressed, against what its group 0002 says")
            frame = get_frame(raw, number, number_of_frames=count)
        _put(decode_frame(encapsulate([frame]), file.transfer_syntax, form, 0, 1), out)
    return out


@contextmanager
def _said_what_failed(file: SliceFile) -> Iterator[None]:
    """Tell errors of decoders as what is wrong with a file, and what to do."""
    try:
        yield
    except UNREADABLE as error:
        known = file.transfer_syntax in UNCOMPRESSED or decodable(file.transfer_syntax)
        damaged = "the file is damaged or truncated: fetch it again"
        syntax = file.transfer_syntax
        name = syntax.name if syntax.name == str(syntax) else f"{syntax.name}, {syntax}"
        reason = said(error) if known else "no decoder for it is installed"
        raise ScanError(
            f"the pixel data of {file.path} ({name}) cannot be read ({reason}); "
            f"{damaged if known else remedy(syntax)}"
        ) from error


def _read_native(
    file: SliceFile, form: PixelFormat, into: Mapping[int, NDArray[Any]]
) -> Dataset | None:
    implicit, little = file.encoding
    order: Literal["little", "big"] = "little" if little else "big"
    size = 2 * form.rows * form.columns
    whole = size * frame_count(file)
    with file.entry.open() as raw:
        raw.seek(file.pixel_offset or 0)
        head = raw.read(8 if implicit else 12)
        length = int.from_bytes(head[-4:], order)
        if length == dcm.UNDEFINED_LENGTH:
            raise ValueError(_encapsulated(raw.read(64)))
        if length < whole:
            raise ValueError(f"{length} bytes, expected {whole}")
        start = raw.tell()
        for number, out in sorted(into.items()):  # in an archive, each step back starts anew
            raw.seek(start + number * size)
            got = raw.readinto(out.data.cast("B"))  # type: ignore[attr-defined]
            if got < size:
                raise ValueError(f"{number * size + got} bytes, expected {whole}")
        raw.seek(start + length)
        rest = raw.read()
    if not little:
        for out in into.values():
            out.byteswap(inplace=True)
    if not rest.strip(b"\0"):
        return None
    with quiet():
        tail = read_dataset(BytesIO(rest), implicit, little)
    for element in tail.values():
        if isinstance(element, RawDataElement) and len(element.value or b"") < element.length:
            raise ValueError(f"the element {element.tag} after it is cut off")
    return tail


def _encapsulated(start: bytes) -> str:
    kind = next((name for mark, name in _CODESTREAMS.items() if mark in start), "compressed")
    return (
        f"it is {kind} data in a file that says it is uncompressed: the transfer syntax in its "
        f"group 0002 is wrong"
    )


def _decode(file: SliceFile, form: PixelFormat, into: Mapping[int, NDArray[Any]]) -> Dataset | None:
    dataset = whole_dataset(file)
    pixels = dataset.get_item(dcm.PIXEL_DATA)
    value = getattr(pixels, "value", None)
    if not isinstance(value, bytes):
        raise ValueError("no pixel data")
    count = frame_count(file)
    for number, out in into.items():
        if file.transfer_syntax == DeflatedExplicitVRLittleEndian:
            frame = np.frombuffer(value, "<i2" if form.signed else "<u2", -1, 0)
            array = frame[number * out.size : (number + 1) * out.size]
            if array.size < out.size:
                raise ValueError(f"{len(value)} bytes, expected {2 * out.size * count}")
            array = array.reshape(out.shape)
        else:
            array = decode_frame(value, file.transfer_syntax, form, number, count)
        _put(array, out)
    implicit, little = file.encoding
    tail = Dataset({tag: item for tag, item in dataset.items() if tag > dcm.PIXEL_DATA})
    tail.set_original_encoding(implicit, little, file.header.original_character_set)
    return tail if len(tail) else None


def _put(array: NDArray[Any], out: NDArray[Any]) -> None:
    """Put what a decoder gave where it is wanted."""
    if array.shape != out.shape:
        raise ValueError(f"shape {array.shape}, expected {out.shape}")
    np.copyto(out, array, casting="same_kind" if array.dtype.itemsize <= 2 else "unsafe")
