"""Files in which two programs may read two things: no seal is made of them, none is intact."""

from __future__ import annotations

import shutil
import struct
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydicom import dcmread

from mitsgan.errors import ScanError
from mitsgan.files.dicom.phantom import phantom_series
from mitsgan.phantom.chest import chest
from mitsgan.seal.format import write_seal
from mitsgan.seal.seal import make_seal
from mitsgan.seal.signature import Signer
from mitsgan.seal.trust import Trust
from mitsgan.seal.verify import verify_seal

_SIGNER = Signer(Ed25519PrivateKey.generate())
_PIXELS = b"\xe0\x7f\x10\x00OW"


@pytest.fixture
def series(tmp_path: Path) -> Path:
    phantom_series(chest((2, 40, 40), (80.0, 9.0, 9.0), seed=2), tmp_path / "series")
    write_seal(make_seal(tmp_path / "series", _SIGNER), tmp_path / "seal.json")
    return tmp_path / "series"


def refused(series: Path, message: str) -> None:
    """Neither verified nor sealed."""
    trust = Trust((_SIGNER.public_key,))
    with pytest.raises(ScanError, match=message):
        verify_seal(series, series.parent / "seal.json", trust)
    with pytest.raises(ScanError, match=message):
        make_seal(series, _SIGNER)


def element(tag: int, vr: bytes, value: bytes) -> bytes:
    head = struct.pack("<HH", tag >> 16, tag & 0xFFFF) + vr
    if vr in (b"OW", b"OF"):
        return head + struct.pack("<HI", 0, len(value)) + value
    return head + struct.pack("<H", len(value)) + value


def test_a_decoy_before_the_pixels(series: Path) -> None:
    """What was sealed lies in an element that other programs do not show."""
    file = sorted(series.iterdir())[0]
    data = file.read_bytes()
    at = data.index(_PIXELS)
    sealed = data[at + 12 :]
    decoy = element(0x7FE00008, b"OF", sealed)
    shown = element(0x7FE00010, b"OW", bytes(len(sealed)))
    file.write_bytes(data[:at] + decoy + shown)
    refused(series, "pixels of another kind")


@pytest.mark.parametrize("behind", [True, False])
def test_an_element_twice(series: Path, behind: bool) -> None:
    file = sorted(series.iterdir())[0]
    data = file.read_bytes()
    other = element(0x00281052, b"DS", b"0 ")
    at = len(data) if behind else data.index(_PIXELS)
    file.write_bytes(data[:at] + other + data[at:])
    assert b"0 " in other
    refused(series, "follows")


def test_an_element_twice_in_a_row(series: Path) -> None:
    file = sorted(series.iterdir())[0]
    data = file.read_bytes()
    at = data.index(b"\x28\x00\x52\x10DS")
    file.write_bytes(data[:at] + element(0x00281052, b"DS", b"0 ") + data[at:])
    assert dcmread(file).RescaleIntercept == -1024, "the last one counts here, the first elsewhere"
    refused(series, "occurs twice")


def test_pixels_twice(series: Path) -> None:
    file = sorted(series.iterdir())[0]
    data = file.read_bytes()
    file.write_bytes(data + data[data.index(_PIXELS) :])
    refused(series, "occurs twice")


def test_zeros_at_the_end_do_no_harm(series: Path) -> None:
    for file in series.iterdir():
        file.write_bytes(file.read_bytes() + bytes(64))
    trust = Trust((_SIGNER.public_key,))
    assert verify_seal(series, series.parent / "seal.json", trust).verdict == "intact"


def test_megabytes_of_zeros_at_the_end_take_no_minutes(series: Path) -> None:
    file = sorted(series.iterdir())[0]
    file.write_bytes(file.read_bytes() + bytes(24_000_000))
    trust, before = Trust((_SIGNER.public_key,)), time.process_time()
    assert verify_seal(series, series.parent / "seal.json", trust).verdict == "intact"
    assert time.process_time() - before < 10, "seconds; by eights it is a minute"


def test_the_order_holds_in_a_deflated_file(series: Path, tmp_path: Path) -> None:
    if shutil.which("dcmconv") is None:
        pytest.skip("dcmtk is not installed")
    import subprocess

    for file in series.iterdir():
        subprocess.run(["dcmconv", "+td", file, file], check=True)
    trust = Trust((_SIGNER.public_key,))
    assert verify_seal(series, tmp_path / "seal.json", trust).verdict == "intact"


def test_what_a_seal_does_not_cover_is_named(series: Path) -> None:
    """A file that is a program or a TIFF as well; more pixels than there are frames."""
    trust = Trust((_SIGNER.public_key,))
    first, second = sorted(series.iterdir())
    first.write_bytes(b"MZ" + bytes(126) + first.read_bytes()[128:])
    data = second.read_bytes()
    at = data.index(_PIXELS)
    pixels = data[at + 12 :]
    second.write_bytes(data[:at] + element(0x7FE00010, b"OW", pixels + b"more" * 2))
    report = verify_seal(series, series.parent / "seal.json", trust)
    assert report.verdict == "intact"
    preamble, beyond = report.notes
    assert preamble.startswith(f"1 file ({first.name}) with something in the 128 bytes")
    assert beyond.startswith(f"1 file ({second.name}) with more in *Pixel Data*")
    second.write_bytes(data[:at] + element(0x7FE00010, b"OW", pixels + bytes(8)))
    assert verify_seal(series, series.parent / "seal.json", trust).notes == (preamble,)


@pytest.mark.parametrize("size", [8, 5000])
def test_nothing_hides_behind_what_looks_like_filling(series: Path, size: int) -> None:
    file = sorted(series.iterdir())[0]
    file.write_bytes(file.read_bytes() + element(0, b"OW", b"\x90" * size))
    refused(series, "follows")
