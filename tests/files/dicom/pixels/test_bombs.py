"""A few bytes that would become a picture that no memory holds are told before they do."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from jpeg_ls import encode_buffer
from pydicom import dcmread
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import JPEG2000Lossless, JPEGLSLossless, RLELossless

from mitsgan.errors import ScanError
from mitsgan.files import read_scan
from mitsgan.files.dicom.find import parse
from mitsgan.files.dicom.pixels import decode
from mitsgan.files.dicom.pixels.codestream import check_rle, check_size
from mitsgan.files.dicom.pixels.decode import DEFLATED_FRAMES
from mitsgan.files.dicom.pixels.form import PixelFormat

Make = Callable[..., Path]


@pytest.mark.parametrize("syntax", [JPEGLSLossless, JPEG2000Lossless])
def test_frames_tell_their_size(tmp_path: Path, make_series: Make, syntax: str) -> None:
    path = next(make_series(tmp_path / "a").iterdir())
    ds = dcmread(path)
    ds.Rows, ds.Columns, ds.PixelData = 70, 90, bytes(2 * 70 * 90)
    ds.compress(syntax, generate_instance_uid=False)
    (frame,) = generate_frames(ds.PixelData, number_of_frames=1)
    check_size(frame, 70, 90)
    with pytest.raises(ValueError, match="a picture of 70 x 90"):
        check_size(frame, 90, 70)
    for end in range(40):
        check_size(frame[:end], 70, 90)  # which the decoder refuses


def test_no_decoder_sees_a_frame_of_another_size(
    tmp_path: Path, make_series: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> None:
        raise AssertionError("it was decoded")

    large = np.zeros((2000, 2000), "<u2")
    code = encode_buffer(large.tobytes(), 2000, 2000, samples_per_pixel=1, bits_stored=16)
    path = next(make_series(tmp_path / "a").iterdir())
    ds = dcmread(path)
    ds.PixelData = encapsulate([code])
    ds["PixelData"].VR, ds["PixelData"].is_undefined_length = "OB", True
    ds.file_meta.TransferSyntaxUID = JPEGLSLossless
    ds.save_as(path)
    monkeypatch.setattr(decode, "pixel_options", never)
    with pytest.raises(ScanError, match="a picture of 2000 x 2000"):
        read_scan(path)


def test_rle_is_not_longer_than_what_it_packs() -> None:
    check_rle(bytes(2000), 1000)
    with pytest.raises(ValueError, match="of RLE for a frame"):
        check_rle(bytes(3000), 1000)
    form = PixelFormat(10, 10, 12, signed=False)
    with pytest.raises(ValueError, match="of RLE for a frame"):
        decode.decode_frame(encapsulate([bytes(5000)]), RLELossless, form, 0, 1)


def test_a_deflated_frame_is_unpacked_no_further_than_it_is_large() -> None:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    packed = packer.compress(bytes(1 << 20)) + packer.flush()
    form = PixelFormat(10, 10, 12, signed=False)
    values = encapsulate([packed + bytes(len(packed) % 2)])
    frame = decode.decode_frame(values, DEFLATED_FRAMES, form, 0, 1)
    assert frame.base is not None
    assert frame.base.nbytes == 200


def test_a_deflated_data_set_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    packed = packer.compress(bytes(1 << 20)) + packer.flush()
    assert len(parse.inflate(packed + b"\0")) == 1 << 20
    with pytest.raises(ValueError, match="cut off"):
        parse.inflate(packed[:-1])
    monkeypatch.setattr(parse, "_MOST_INFLATED", (1 << 20) - 1)
    with pytest.raises(ValueError, match="larger than"):
        parse.inflate(packed)
