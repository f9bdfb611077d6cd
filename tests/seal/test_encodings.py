"""A seal is over values: lossless encodings of them keep it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)
from tests.seal.sealed_series import Check, change, ordered

from mitsgan.errors import ScanError
from mitsgan.seal.format import write_seal
from mitsgan.seal.seal import make_seal
from mitsgan.seal.signature import Signer
from mitsgan.seal.trust import Trust
from mitsgan.seal.verify import verify_seal

_HIDDEN = b"a letter that nobody sees\xff\xd9"
"""What decoders do not read: no seal covers it."""


def test_pixels_that_cannot_be_read_are_named(check: Check, copy: Path) -> None:
    file = ordered(copy)[2]
    file.write_bytes(file.read_bytes()[:-500])
    (finding,) = check(copy).findings
    assert (finding.kind, finding.slices) == ("unreadable", (2,))


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless, JPEGLSLossless])
def test_lossless_encodings_keep_the_seal(check: Check, copy: Path, syntax: str) -> None:
    for file in copy.iterdir():
        ds = dcmread(file)
        ds.compress(syntax, generate_instance_uid=False)
        ds.save_as(file)
    assert dcmread(file).file_meta.TransferSyntaxUID == syntax
    assert check(copy).verdict == "intact"


@pytest.mark.skipif(shutil.which("dcmconv") is None, reason="dcmtk is not installed")
@pytest.mark.parametrize(
    "command", [("dcmconv", "+ti"), ("dcmconv", "+tb"), ("dcmcjpls",), ("dcmcrle",)]
)
def test_dcmtk_encodings_keep_the_seal(
    check: Check, source: Path, tmp_path: Path, command: tuple[str, ...]
) -> None:
    (tmp_path / "out").mkdir()
    for file in source.iterdir():
        subprocess.run([*command, file, tmp_path / "out" / file.name], check=True)
    assert check(tmp_path / "out").verdict == "intact"


@pytest.mark.skipif(shutil.which("dcmconv") is None, reason="dcmtk is not installed")
@pytest.mark.parametrize("vr", ["OW", "US"])
@pytest.mark.parametrize("syntax", ["+ti", "+tb"])
def test_tables_and_overlays_are_the_same_in_every_encoding(
    copy: Path, tmp_path: Path, signer: Signer, trust: Trust, vr: str, syntax: str
) -> None:
    """Without VRs, and with the bytes of words turned around."""
    table = Dataset()
    table.add_new("LUTDescriptor", "SS", [4, 0, 16])
    table.add_new("LUTData", vr, b"\1\0\2\0\3\0\4\0" if vr == "OW" else [1, 2, 3, 4])
    for file in copy.iterdir():
        ds = dcmread(file)
        ds.VOILUTSequence = [table]
        ds.add_new(0x60000010, "US", 16)
        ds.add_new(0x60003000, "OW", bytes(range(32)))
        ds.save_as(file)
    write_seal(make_seal(copy, signer), tmp_path / "seal.json")
    (tmp_path / "out").mkdir()
    for file in copy.iterdir():
        subprocess.run(["dcmconv", syntax, file, tmp_path / "out" / file.name], check=True)
    assert verify_seal(tmp_path / "out", tmp_path / "seal.json", trust).verdict == "intact"


@pytest.mark.skipif(shutil.which("gdcmconv") is None, reason="gdcm is not installed")
def test_a_file_of_unknown_vrs_alone(check: Check, copy: Path) -> None:
    """As GDCM compresses a series in implicit VR; it describes the pixels anew."""
    for file in copy.iterdir():
        ds = dcmread(file)
        ds.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
        ds.save_as(file, implicit_vr=True)
        subprocess.run(["gdcmconv", "--jpegls", file, file.with_suffix(".new")], check=True)
        file.with_suffix(".new").replace(file)
    assert dcmread(file).get_item("RescaleSlope").VR == "UN"
    assert check(copy).verdict == "intact"
    change(file, WindowCenter=["-600", "40"])
    report = check(copy)
    assert report.verdict == "tampered", "what passes over the others reads this one"
    assert "RescaleSlope" in {finding.attribute for finding in report.findings}


def test_an_encoding_nobody_knows_is_no_verdict(check: Check, copy: Path) -> None:
    ds = dcmread(ordered(copy)[0])
    ds.compress(RLELossless, generate_instance_uid=False)
    ds.file_meta.TransferSyntaxUID = UID("1.2.840.10008.1.2.4.59")  # hierarchical JPEG
    ds.save_as(ordered(copy)[0])
    with pytest.raises(ScanError, match=r"no decoder for it.*dcmdjpeg"):
        check(copy)


@pytest.mark.real_data
def test_every_lossless_encoding_of_a_slice_keeps_its_seal(
    data: Path, tmp_path: Path, signer: Signer, trust: Trust
) -> None:
    folder = data / "dicom" / "transfer-syntaxes"
    files = {file.name: file for file in folder.glob("CTImage.dcm_*")}
    lossless = (
        *("BigEndian", "Deflated", "JPEG2000LosslessOnly", "JPEGLSLossless", "LittleEndian"),
        "RLELossless",
    )
    (plain,) = [f for name, f in files.items() if "LittleEndianExplicit" in name]
    write_seal(make_seal(plain, signer), tmp_path / "seal.json")
    kept = [
        f for name, f in files.items() if name.removeprefix("CTImage.dcm_").startswith(lossless)
    ]
    assert len(kept) == 7
    for file in kept:
        assert verify_seal(file, tmp_path / "seal.json", trust).verdict == "intact", file.name
    (lossy,) = [f for name, f in files.items() if "JPEGLSLossy" in name]
    assert verify_seal(lossy, tmp_path / "seal.json", trust).verdict == "processed"


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless, JPEGLSLossless])
def test_bytes_behind_a_compressed_picture(check: Check, copy: Path, syntax: UID) -> None:
    for file in ordered(copy):
        ds = dcmread(file)
        ds.compress(syntax, generate_instance_uid=False)
        ds.save_as(file)
    plain = check(copy)
    assert (plain.verdict, plain.notes) == ("intact", ())
    last = ordered(copy)[-1]
    ds = dcmread(last)
    (frame,) = generate_frames(ds.PixelData, number_of_frames=1)
    ds.PixelData = encapsulate([frame + _HIDDEN])
    ds.save_as(last)
    report = check(copy)
    assert report.verdict == "intact"
    (note,) = report.notes
    assert note.startswith(f"1 file ({last.name}) with something behind a compressed picture")


def test_bytes_behind_a_deflated_data_set(check: Check, copy: Path) -> None:
    for file in ordered(copy):
        ds = dcmread(file)
        ds.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
        ds.save_as(file)
    plain = check(copy)
    assert (plain.verdict, plain.notes) == ("intact", ())
    first, last = ordered(copy)[0], ordered(copy)[-1]
    last.write_bytes(last.read_bytes() + _HIDDEN)
    ds = dcmread(first)
    ds.PixelData += _HIDDEN[:10]
    ds.save_as(first)
    report = check(copy)
    assert report.verdict == "intact"
    longer, behind = report.notes
    assert longer.startswith(f"1 file ({first.name}) with more in *Pixel Data*")
    assert behind.startswith(f"1 file ({last.name}) with something behind a compressed picture")
