"""Stored values into the *Pixel Data* element, uncompressed or losslessly compressed.

Source: DICOM PS3.5 section 8 and annex A.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.encaps import encapsulate
from pydicom.pixels.encoders.base import get_encoder
from pydicom.uid import (
    UID,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from mitsgan.files.dicom.files import SliceFile
from mitsgan.files.dicom.pixels.decode import PLUGINS, decode_frame, pixel_options
from mitsgan.files.dicom.pixels.form import PixelFormat
from mitsgan.files.dicom.pixels.read import UNCOMPRESSED
from mitsgan.quiet import quiet

_REENCODED = {JPEGLSLossless, JPEG2000Lossless, RLELossless}


def output_syntax(source: SliceFile) -> UID:
    """The transfer syntax to write: the source's where it is lossless and can be written.

    Any other becomes uncompressed, so that no voxel moves by more than it was meant to.
    """
    syntax = source.transfer_syntax
    if syntax in UNCOMPRESSED:
        return syntax
    implicit, _ = source.encoding
    if implicit:  # not allowed beside compression, yet it occurs
        return ImplicitVRLittleEndian
    if syntax in _REENCODED and get_encoder(syntax).is_available:
        return syntax
    return ExplicitVRLittleEndian


def plain_syntax(source: SliceFile) -> UID:
    """The uncompressed transfer syntax in the encoding of the source."""
    return ImplicitVRLittleEndian if source.encoding[0] else ExplicitVRLittleEndian


def native_bytes(stored: NDArray[Any], *, little: bool) -> memoryview:
    """Slices as uncompressed bytes, without a copy where the byte order is the machine's."""
    ordered = np.ascontiguousarray(stored, stored.dtype.newbyteorder("<" if little else ">"))
    return ordered.reshape(-1).view(np.uint8).data


def encode_pixels(frames: Sequence[NDArray[Any]], form: PixelFormat, syntax: UID) -> bytes | None:
    """Frames, encapsulated, in a compressed lossless transfer syntax.

    None if they cannot be compressed (some encoders refuse very small images), or would not decode
    to the same values: that is checked, not hoped for. They are to be written uncompressed then.
    """
    options = pixel_options(form, syntax, 1)
    try:
        with quiet():
            packed = [
                get_encoder(syntax).encode(
                    np.ascontiguousarray(frame), encoding_plugin=PLUGINS[syntax], **options
                )
                for frame in frames
            ]
            encoded = encapsulate(packed)
        for number, frame in enumerate(frames):
            back = decode_frame(encoded, syntax, form, number, len(frames))
            if not np.array_equal(back, frame):
                return None
    except (ValueError, RuntimeError, NotImplementedError, TypeError):
        return None
    return encoded
