"""A file is read as it is encoded, whatever it says of itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset, write_file_meta_info
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGLSLossless,
)

from mitsgan.errors import ScanError
from mitsgan.files import Derivation, read_scan, write_scan
from mitsgan.files.dicom.find.parse import is_bare

Make = Callable[..., Path]
_ENCODINGS = [
    pytest.param(ImplicitVRLittleEndian, id="implicit"),
    pytest.param(ExplicitVRLittleEndian, id="explicit"),
    pytest.param(ExplicitVRBigEndian, id="big endian"),
]


def _body(path: Path, syntax: UID) -> bytes:
    """The data set of a file in another encoding, without what stands in front of it."""
    ds = dcmread(path)
    out = DicomBytesIO()
    out.is_implicit_VR, out.is_little_endian = syntax.is_implicit_VR, syntax.is_little_endian
    if not syntax.is_little_endian:
        ds.PixelData = np.frombuffer(ds.PixelData, "<i2").astype(">i2").tobytes()
    write_dataset(out, ds)
    return out.getvalue()


def _rewrite(folder: Path, declared: UID | None, real: UID) -> None:
    for path in folder.iterdir():
        body = _body(path, real)
        ds = dcmread(path)
        ds.file_meta.TransferSyntaxUID = declared or real
        if declared is None:
            del ds.file_meta.TransferSyntaxUID
        head = DicomBytesIO()
        write_file_meta_info(head, ds.file_meta, enforce_standard=False)
        path.write_bytes(bytes(128) + b"DICM" + head.getvalue() + body)


@pytest.mark.parametrize("real", _ENCODINGS)
@pytest.mark.parametrize("declared", [*_ENCODINGS, pytest.param(None, id="none declared")])
def test_declared_and_real_encodings(
    tmp_path: Path, make_series: Make, derivation: Derivation, declared: UID | None, real: UID
) -> None:
    expected = read_scan(make_series(tmp_path / "good")).stored
    _rewrite(make_series(tmp_path / "a"), declared, real)
    scan = read_scan(tmp_path / "a")
    np.testing.assert_array_equal(scan.stored, expected)
    write_scan(scan.with_stored(expected + 1), tmp_path / "out", derivation=derivation)
    for path in (tmp_path / "out").iterdir():
        written = dcmread(path)
        assert written.file_meta.TransferSyntaxUID == real
        z = int(written.ImagePositionPatient[2] - 100) // 2
        np.testing.assert_array_equal(written.pixel_array, expected[z] + 1)


@pytest.mark.parametrize("real", _ENCODINGS[:2])
@pytest.mark.parametrize("keep_meta", [True, False])
def test_files_without_a_preamble(
    tmp_path: Path, make_series: Make, derivation: Derivation, real: UID, keep_meta: bool
) -> None:
    expected = read_scan(make_series(tmp_path / "good")).stored
    _rewrite(make_series(tmp_path / "a"), real, real)
    for path in (tmp_path / "a").iterdir():
        content = path.read_bytes()
        path.write_bytes(content[132:] if keep_meta else _body(path, real))
    scan = read_scan(tmp_path / "a")
    np.testing.assert_array_equal(scan.stored, expected)
    write_scan(scan, tmp_path / "out", derivation=derivation)
    written = dcmread(next((tmp_path / "out").iterdir()))
    assert written.file_meta.TransferSyntaxUID == real
    assert written.file_meta.MediaStorageSOPInstanceUID == written.SOPInstanceUID


def test_what_says_deflated_and_is_not(tmp_path: Path, make_series: Make) -> None:
    expected = read_scan(make_series(tmp_path / "good")).stored
    _rewrite(make_series(tmp_path / "a"), DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian)
    np.testing.assert_array_equal(read_scan(tmp_path / "a").stored, expected)


def test_compressed_pixels_in_a_file_that_says_uncompressed_are_refused(
    tmp_path: Path, make_series: Make
) -> None:
    folder = make_series(tmp_path)
    path = folder / "03.dcm"
    ds = dcmread(path)
    ds.compress(JPEGLSLossless, generate_instance_uid=False)
    ds.save_as(path)
    content = path.read_bytes()
    declared = b"1.2.840.10008.1.2.4.80"
    path.write_bytes(content.replace(declared, b"1.2.840.10008.1.2.1\0\0\0", 1))
    with pytest.raises(ScanError, match=r"03\.dcm.*it is JPEG-LS data.*says it is uncompressed"):
        read_scan(folder)


def test_what_is_no_data_set_is_not_taken_for_one() -> None:
    assert is_bare(b"\x08\x00\x05\x00CS\x0a\x00ISO_IR 100")
    assert is_bare(b"\x08\x00\x05\x00\x0a\x00\x00\x00ISO_IR 100")
    assert not is_bare(b"MZ\x90\x00\x03\x00\x00\x00\x04\x00")
    assert not is_bare(b"\x08\x00\x05\x00")
    assert not is_bare(b"")
