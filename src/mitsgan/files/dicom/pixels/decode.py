"""Compressed frames to stored values: which decoder for which transfer syntax.

Source: DICOM PS3.5 annex A (transfer syntaxes), A.4.15 (deflated image frame compression).
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.encaps import get_frame
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    UID,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from mitsgan.files.dicom.pixels.form import PixelFormat
from mitsgan.files.quiet import mute, quiet

ENCAPSULATED_PLAIN = UID("1.2.840.10008.1.2.1.98")
DEFLATED_FRAMES = UID("1.2.840.10008.1.2.8.1")

_GDCM = "gdcm"
PLUGINS: Mapping[UID, str] = {
    RLELossless: "pydicom",
    JPEGLSLossless: "pyjpegls",
    JPEGLSNearLossless: "pyjpegls",
    JPEG2000Lossless: "pylibjpeg",
    JPEG2000: "pylibjpeg",
    HTJ2KLossless: "pylibjpeg",
    HTJ2KLosslessRPCL: "pylibjpeg",
    HTJ2K: "pylibjpeg",
    JPEGLossless: _GDCM,
    JPEGLosslessSV1: _GDCM,
    JPEGBaseline8Bit: _GDCM,
}
"""The decoder of each transfer syntax, all of them installed with mitsgan."""

_NUMBERED = "1.2.840.10008.1.2.4."
_JPEG = {UID(f"{_NUMBERED}{n}") for n in range(51, 67)}
_JPEG_XL = {UID(f"{_NUMBERED}{n}") for n in (110, 111, 112)}
_MPEG = {UID(f"{_NUMBERED}{n}") for n in range(100, 109)}


def decodable(syntax: UID) -> bool:
    """Whether a compressed transfer syntax can be decoded here."""
    if syntax in (ENCAPSULATED_PLAIN, DEFLATED_FRAMES):
        return True
    with suppress(NotImplementedError):
        return bool(get_decoder(syntax).is_available)
    return False


def remedy(syntax: UID) -> str:
    """What would decode a transfer syntax that cannot be decoded here."""
    if syntax in _JPEG:
        return (
            "install pylibjpeg-libjpeg, which decodes older kinds of JPEG, or let dcmdjpeg (dcmtk) "
            "decompress the series first"
        )
    if syntax in _JPEG_XL:
        return "let a tool that knows JPEG XL (dcm4che) decompress the series first"
    if syntax in _MPEG:
        return "it is a video; choose a CT series"
    return "let a DICOM tool (gdcmconv --raw, dcmconv) decompress the series first"


def decode_frame(
    value: bytes, syntax: UID, form: PixelFormat, number: int, count: int
) -> NDArray[Any]:
    """One frame: ``[y, x]``.

    Args:
        value: of *Pixel Data*, encapsulated.
        syntax: how it is encoded.
        form: what the header says of it.
        number: of the frame, from 0.
        count: of all frames.

    Raises:
        ValueError, RuntimeError: it cannot be decoded; decoders raise others, too.
    """
    if syntax in (ENCAPSULATED_PLAIN, DEFLATED_FRAMES):
        data = get_frame(value, number, number_of_frames=count)
        if syntax == DEFLATED_FRAMES:
            data = zlib.decompressobj(-zlib.MAX_WBITS).decompress(data)
        size = form.rows * form.columns
        if len(data) < 2 * size:
            raise ValueError(f"{len(data)} bytes, expected {2 * size}")
        return np.frombuffer(data, form.dtype.newbyteorder("<"), size).reshape(form.rows, -1)
    decoder = get_decoder(syntax)
    plugin = PLUGINS.get(syntax, "")
    if plugin not in decoder.available_plugins:
        plugin = ""
    with quiet(), mute():
        options = pixel_options(form, syntax, count)
        array, _ = decoder.as_array(value, index=number, decoding_plugin=plugin, **options)
    return array


def pixel_options(form: PixelFormat, syntax: UID, count: int) -> dict[str, Any]:
    """What pydicom's decoders and encoders want to know of so many frames."""
    return {
        "transfer_syntax_uid": syntax,
        "pixel_keyword": "PixelData",
        "rows": form.rows,
        "columns": form.columns,
        "number_of_frames": count,
        "samples_per_pixel": 1,
        "bits_allocated": 16,
        "bits_stored": form.bits_stored,
        "pixel_representation": int(form.signed),
        "photometric_interpretation": "MONOCHROME2",
    }
