"""Compressed frames to stored values: which decoder for which transfer syntax.

Source: DICOM PS3.5 annex A (transfer syntaxes), A.4.15 (deflated image frame compression).
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate, get_frame
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    UID,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    JPEG2000Lossless,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
    SecondaryCaptureImageStorage,
)

from mitsgan.files.dicom.pixels.codestream import check_rle, check_size
from mitsgan.files.dicom.pixels.form import PixelFormat
from mitsgan.quiet import mute, quiet

ENCAPSULATED_PLAIN = UID("1.2.840.10008.1.2.1.98")
DEFLATED_FRAMES = UID("1.2.840.10008.1.2.8.1")

PLUGINS: Mapping[UID, str] = {
    RLELossless: "pydicom",
    JPEGLSLossless: "pyjpegls",
    JPEGLSNearLossless: "pyjpegls",
    JPEG2000Lossless: "pylibjpeg",
    JPEG2000: "pylibjpeg",
    HTJ2KLossless: "pylibjpeg",
    HTJ2KLosslessRPCL: "pylibjpeg",
    HTJ2K: "pylibjpeg",
}
"""pydicom's decoder for each transfer syntax, all of them installed with mitsgan."""

_ANY_UID = UID("2.25.1")
_NUMBERED = "1.2.840.10008.1.2.4."
_JPEG = {UID(f"{_NUMBERED}{n}") for n in (51, 53, 55, 57, 70)}
"""Older kinds of JPEG, with 12 and 16 bits: JPEG Lossless, in which many archives keep CT, among
them. SimpleITK decodes these."""
_HIERARCHICAL = {UID(f"{_NUMBERED}{n}") for n in (*range(50, 67), 70)} - _JPEG
_JPEG_XL = {UID(f"{_NUMBERED}{n}") for n in (110, 111, 112)}
_MPEG = {UID(f"{_NUMBERED}{n}") for n in range(100, 109)}


def decodable(syntax: UID) -> bool:
    """Whether a compressed transfer syntax can be decoded here."""
    if syntax in (ENCAPSULATED_PLAIN, DEFLATED_FRAMES) or syntax in _JPEG:
        return True
    with suppress(NotImplementedError):
        return bool(get_decoder(syntax).is_available)
    return False


def remedy(syntax: UID) -> str:
    """What would decode a transfer syntax that cannot be decoded here."""
    if syntax in _HIERARCHICAL:
        return "let dcmdjpeg (dcmtk) decompress the series first"
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
        size = form.rows * form.columns
        if syntax == DEFLATED_FRAMES:
            data = zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, 2 * size)
        if len(data) < 2 * size:
            raise ValueError(f"{len(data)} bytes, expected {2 * size}")
        return np.frombuffer(data, form.dtype.newbyteorder("<"), size).reshape(form.rows, -1)
    frame = get_frame(value, number, number_of_frames=count)
    if syntax == RLELossless:
        check_rle(frame, 2 * form.rows * form.columns)
    else:
        check_size(frame, form.rows, form.columns)
    if syntax in _JPEG:
        return _by_itk(frame, syntax, form)
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


def _by_itk(frame: bytes, syntax: UID, form: PixelFormat) -> NDArray[Any]:
    """One frame decoded by SimpleITK, which reads files alone: one of the pixels and nothing else.

    Without a rescale in it, so that the stored values come back.
    """
    import SimpleITK as sitk  # noqa: N813 - its own habit

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    meta.MediaStorageSOPInstanceUID = _ANY_UID
    meta.TransferSyntaxUID = syntax
    ds = FileDataset("", {}, preamble=bytes(128), file_meta=meta)
    ds.SOPClassUID = SecondaryCaptureImageStorage
    ds.SOPInstanceUID = _ANY_UID
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.Rows, ds.Columns = form.rows, form.columns
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = 16, form.bits_stored, form.bits_stored - 1
    ds.PixelRepresentation = int(form.signed)
    ds.PixelData = encapsulate([frame])
    ds["PixelData"].VR = "OB"
    with _path_of(ds) as path, mute():
        image: Any = sitk.ReadImage(path, imageIO="GDCMImageIO")  # SimpleITK declares no types
        return np.asarray(sitk.GetArrayFromImage(image)[0])


@contextmanager
def _path_of(dataset: FileDataset) -> Iterator[str]:
    """A file to read a data set from; in memory where the system can, so that nothing is left."""
    content = BytesIO()
    with quiet():
        dataset.save_as(content, enforce_file_format=True)
    if hasattr(os, "memfd_create"):
        number = os.memfd_create("frame")
        try:
            with open(number, "wb", closefd=False) as file:
                file.write(content.getvalue())
            yield f"/proc/self/fd/{number}"
        finally:
            os.close(number)
        return
    with TemporaryDirectory() as folder:
        path = Path(folder, "frame.dcm")
        path.write_bytes(content.getvalue())
        yield str(path)
