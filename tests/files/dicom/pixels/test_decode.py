"""Every transfer syntax of CT is read; what cannot be, names what would decode it."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import FileDataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID, ExplicitVRLittleEndian, JPEGLSNearLossless

from mitsgan.errors import ScanError
from mitsgan.files import Derivation, read_scan, write_scan
from mitsgan.files.dicom.pixels.decode import DEFLATED_FRAMES, ENCAPSULATED_PLAIN, decodable

Make = Callable[..., Path]


@pytest.mark.parametrize("syntax", [ENCAPSULATED_PLAIN, DEFLATED_FRAMES])
def test_frames_that_are_packed_whole(
    tmp_path: Path, make_series: Make, derivation: Derivation, syntax: UID
) -> None:
    expected = read_scan(make_series(tmp_path / "good")).stored
    for path in make_series(tmp_path / "a").iterdir():
        ds = dcmread(path)
        data = ds.PixelData
        if syntax == DEFLATED_FRAMES:
            packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
            data = packer.compress(data) + packer.flush()
        ds.PixelData = encapsulate([data + b"\0" * (len(data) % 2)])
        ds["PixelData"].VR = "OB"
        ds["PixelData"].is_undefined_length = True
        ds.save_as(path)  # under the old syntax, whose data set is encoded alike
        content = path.read_bytes()
        old, new = (f"{uid}\0".encode() for uid in (ExplicitVRLittleEndian, syntax))
        head = content.index(old)
        assert len(new) % 2 == 0 or len(old) % 2 == 0
        padded = new + b"\0" * (len(new) % 2)
        length = len(padded).to_bytes(2, "little")
        group = int.from_bytes(content[140:144], "little") + len(padded) - len(old)
        path.write_bytes(
            content[:140]
            + group.to_bytes(4, "little")
            + content[144 : head - 2]
            + length
            + padded
            + content[head + len(old) :]
        )
    scan = read_scan(tmp_path / "a")
    np.testing.assert_array_equal(scan.stored, expected)
    write_scan(scan, tmp_path / "out", derivation=derivation)
    written = dcmread(next((tmp_path / "out").iterdir()))
    assert written.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian


@pytest.mark.parametrize(
    "syntax, remedy",
    [
        ("1.2.840.10008.1.2.4.59", "dcmdjpeg"),
        ("1.2.840.10008.1.2.4.100", "it is a video"),
        ("1.2.840.10008.1.2.4.95", "gdcmconv --raw"),
    ],
)
def test_what_cannot_be_decoded_names_the_decoder(
    tmp_path: Path, make_series: Make, syntax: str, remedy: str
) -> None:
    def change(k: int, ds: Any) -> None:
        ds.PixelData = encapsulate([b"\xff\xd8 something \xff\xd9 "])
        ds["PixelData"].VR = "OB"
        ds.file_meta.TransferSyntaxUID = UID(syntax)

    assert not decodable(UID(syntax))
    with pytest.raises(ScanError, match=rf"no decoder for it is installed.*{remedy}"):
        read_scan(make_series(tmp_path, change=change))


@pytest.mark.real_data
@pytest.mark.parametrize(
    "ending",
    ["Process14TransferSyntax_1.2.840.10008.1.2.4.57", "SV1TransferSyntax_1.2.840.10008.1.2.4.70"],
)
def test_jpeg_lossless_needs_nothing_else(
    data: Path, tmp_path: Path, derivation: Derivation, ending: str
) -> None:
    folder = data / "dicom" / "transfer-syntaxes"
    (file,), (plain,) = folder.glob(f"*{ending}.dcm"), folder.glob("*_LittleEndianExplicit*")
    expected = read_scan(plain)
    scan = read_scan(file)
    np.testing.assert_array_equal(scan.stored, expected.stored)
    write_scan(scan, tmp_path / "out.dcm", derivation=derivation)
    written = dcmread(tmp_path / "out.dcm")
    assert written.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    np.testing.assert_array_equal(written.pixel_array, scan.stored[0])


@pytest.mark.real_data
def test_twelve_bits_of_lossy_jpeg_are_read_and_written_without_loss(
    data: Path, tmp_path: Path, derivation: Derivation
) -> None:
    folder = data / "dicom" / "transfer-syntaxes"
    read = [read_scan(next(folder.glob(f"*_1.2.840.10008.1.2.4.{n}.dcm"))) for n in (51, 53, 55)]
    assert all((scan.stored == read[0].stored).all() for scan in read)
    (plain,) = folder.glob("*_LittleEndianExplicit*")
    expected = read_scan(plain)
    inside = ~expected.is_padding()
    assert np.abs(read[0].hu() - expected.hu())[inside].mean() < 5
    write_scan(read[0], tmp_path / "out.dcm", derivation=derivation)
    written = dcmread(tmp_path / "out.dcm")
    np.testing.assert_array_equal(written.pixel_array, read[0].stored[0])
    assert written.LossyImageCompression == "01"


def test_lossy_pixels_are_said_to_be_so_whatever_the_source_says(
    tmp_path: Path, make_series: Make, derivation: Derivation
) -> None:
    def change(k: int, ds: FileDataset) -> None:
        ds.LossyImageCompression = "00"
        ds.compress(JPEGLSNearLossless, jls_error=2, generate_instance_uid=False)

    scan = read_scan(make_series(tmp_path / "in", change=change))
    write_scan(scan, tmp_path / "out", derivation=derivation)
    new = dcmread(tmp_path / "out" / "00.dcm")
    assert new.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert new.LossyImageCompression == "01"


def test_damage_in_a_jpeg_is_told_once_and_by_us(
    tmp_path: Path, make_series: Make, capfd: pytest.CaptureFixture[str]
) -> None:
    def change(k: int, ds: Any) -> None:
        ds.PixelData = encapsulate([b"\x02\x00 no JPEG at all"])
        ds["PixelData"].VR = "OB"
        ds.file_meta.TransferSyntaxUID = UID("1.2.840.10008.1.2.4.70")

    with pytest.raises(ScanError, match=r"\.dcm \(JPEG Lossless.*damaged or truncated"):
        read_scan(make_series(tmp_path, change=change))
    assert capfd.readouterr().err == ""
