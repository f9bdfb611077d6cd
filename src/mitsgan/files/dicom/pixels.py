"""Stored values in and out of the *Pixel Data* element, uncompressed or losslessly compressed.

Source: DICOM PS3.5 section 8 and annex A.
"""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.filereader import read_dataset
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.encoders.base import get_encoder
from pydicom.pixels.utils import pixel_array
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from mitsgan.errors import ScanError
from mitsgan.files.dicom import elements as dcm
from mitsgan.files.dicom.files import UNREADABLE, SliceFile

NATIVE = {ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian}
UNCOMPRESSED = {*NATIVE, DeflatedExplicitVRLittleEndian}
_REENCODED = {JPEGLSLossless, JPEG2000Lossless, RLELossless}


@dataclass(frozen=True)
class PixelFormat:
    """How a slice stores its values: 16 bits allocated, one sample per pixel."""

    rows: int
    columns: int
    bits_stored: int
    signed: bool

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.int16 if self.signed else np.uint16)

    @property
    def lowest(self) -> int:
        return -(1 << (self.bits_stored - 1)) if self.signed else 0

    @property
    def highest(self) -> int:
        return (1 << (self.bits_stored - self.signed)) - 1

    def from_bits(self, value: int) -> int:
        """A header value of 16 unsigned bits, as the pixels would read it."""
        return value - 0x10000 if self.signed and value >= 0x8000 else value


def read_pixels(file: SliceFile, form: PixelFormat, out: NDArray[Any]) -> Dataset | None:
    """Read the stored values into ``out`` ``[y, x]``; give the elements after them, if any.

    Raises:
        ScanError: truncated or undecodable pixel data.
    """
    try:
        if file.transfer_syntax in NATIVE:
            tail = _read_native(file, form, out)
        else:
            tail = _decode(file, form, out)
    except UNREADABLE as error:
        remedy = "the file is damaged or truncated: fetch it again"
        if "exceptions were raised by all available" in str(error):
            remedy = (
                "the file is damaged, or of a kind that the decoders here do not know: fetch it "
                "again, or let a DICOM tool decompress the series first"
            )
        elif isinstance(error, RuntimeError | NotImplementedError):
            remedy = (
                "install a decoder for it that pydicom knows (pylibjpeg-libjpeg reads the older "
                "JPEG kinds), or let a DICOM tool decompress the series first"
            )
        reason = " ".join(str(error).split())
        raise ScanError(
            f"the pixel data of {file.path} ({file.transfer_syntax.name}) cannot be read "
            f"({reason}); {remedy}"
        ) from error
    _keep_stored_bits(file, form, out)
    return tail


def output_syntax(source: UID) -> UID:
    """The transfer syntax to write: the source's where it is lossless and can be written.

    A lossy source becomes *Explicit VR Little Endian*, so that no voxel moves by more than it
    was meant to.
    """
    if source in UNCOMPRESSED:
        return source
    if source in _REENCODED and get_encoder(source).is_available:
        return source
    return ExplicitVRLittleEndian


def native_bytes(stored: NDArray[Any], *, little: bool) -> memoryview:
    """One slice as uncompressed bytes, without a copy where the byte order is the machine's."""
    ordered = np.ascontiguousarray(stored, stored.dtype.newbyteorder("<" if little else ">"))
    return ordered.reshape(-1).view(np.uint8).data


def encode_pixels(stored: NDArray[Any], form: PixelFormat, syntax: UID) -> bytes | None:
    """One slice, encapsulated, in a compressed lossless transfer syntax.

    None if it cannot be compressed (some encoders refuse very small images), or would not decode
    to the same values: that is checked, not hoped for. It is to be written uncompressed then.
    """
    options: dict[str, Any] = {
        "transfer_syntax_uid": syntax,
        "pixel_keyword": "PixelData",
        "rows": form.rows,
        "columns": form.columns,
        "number_of_frames": 1,
        "samples_per_pixel": 1,
        "bits_allocated": 16,
        "bits_stored": form.bits_stored,
        "pixel_representation": int(form.signed),
        "photometric_interpretation": "MONOCHROME2",
    }
    try:
        frame = get_encoder(syntax).encode(np.ascontiguousarray(stored), **options)
        encoded = encapsulate([frame])
        back, _ = get_decoder(syntax).as_array(encoded, **options)
    except (ValueError, RuntimeError, NotImplementedError, TypeError):
        return None
    return encoded if np.array_equal(back, stored) else None


def _read_native(file: SliceFile, form: PixelFormat, out: NDArray[Any]) -> Dataset | None:
    implicit, little = file.encoding
    order: Literal["little", "big"] = "little" if little else "big"
    size = out.nbytes
    with file.path.open("rb", buffering=0) as raw:
        raw.seek(file.pixel_offset or 0)
        head = raw.read(8 if implicit else 12)
        length = int.from_bytes(head[-4:], order)
        got = raw.readinto(out.data.cast("B")) if size <= length < 0xFFFFFFFF else 0
        if got < size:
            raise ValueError(f"{got or length} bytes, expected {size}")
        raw.seek(length - size, 1)
        rest = raw.read()
    if not little:
        out.byteswap(inplace=True)
    if not rest.strip(b"\0"):
        return None
    tail = read_dataset(BytesIO(rest), implicit, little)
    for element in tail.values():
        if isinstance(element, RawDataElement) and len(element.value or b"") < element.length:
            raise ValueError(f"the element {element.tag} after it is cut off")
    return tail


def _decode(file: SliceFile, form: PixelFormat, out: NDArray[Any]) -> Dataset | None:
    dataset = dcmread(file.path)
    array = pixel_array(dataset)
    if array.shape != out.shape:
        raise ValueError(f"shape {array.shape}, expected {out.shape}")
    np.copyto(out, array, casting="same_kind" if array.dtype.itemsize <= 2 else "unsafe")
    implicit, little = dataset.original_encoding
    tail = Dataset({tag: item for tag, item in dataset.items() if tag > dcm.PIXEL_DATA})
    tail.set_original_encoding(implicit, little, dataset.original_character_set)
    return tail if len(tail) else None


def _keep_stored_bits(file: SliceFile, form: PixelFormat, out: NDArray[Any]) -> None:
    """Drop what lies above *Bits Stored* and extend the sign: only those bits are the value."""
    unused = 16 - form.bits_stored
    if unused == 0 or (out.min() >= form.lowest and out.max() <= form.highest):
        return
    for tag in file.header.keys():  # noqa: SIM118 - a Dataset iterates over converted elements
        if tag >> 24 == 0x60 and tag & 0xFFFF == 0x0102 and dcm.integer(file.header, tag):
            raise ScanError(
                f"{file.path} hides an overlay in the unused bits of its pixels, which the result "
                f"could not keep; move it to (60xx,3000) *Overlay Data* with a DICOM tool first"
            )
    out <<= unused
    out >>= unused
