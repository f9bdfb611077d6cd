"""Files that hold two scans, each found by another way of reading their bytes.

In each, what was sealed is what pydicom finds, and dcmtk, GDCM or both found another scan.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydicom import Dataset, dcmread
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset, write_file_meta_info
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from mitsgan.errors import ScanError
from mitsgan.files.dicom.items import walk
from mitsgan.files.dicom.phantom import phantom_series
from mitsgan.phantom.chest import chest
from mitsgan.seal.format import write_seal
from mitsgan.seal.seal import make_seal
from mitsgan.seal.signature import Signer
from mitsgan.seal.trust import Trust
from mitsgan.seal.verify import verify_seal

_SIGNER = Signer(Ed25519PrivateKey.generate())
_FIRST = struct.pack("<HH", 8, 1)
_ITEM_END, _SEQUENCE_END = b"\xfe\xff\r\xe0" + bytes(4), b"\xfe\xff\xdd\xe0" + bytes(4)
_META = 12
"""Bytes of the length of group 0002."""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The first slice of a sealed series."""
    folder = tmp_path / "series"
    phantom_series(chest((2, 40, 40), (80.0, 9.0, 9.0), seed=2), folder)
    write_seal(make_seal(folder, _SIGNER), tmp_path / "seal.json")
    return min(folder.iterdir())


def refused(file: Path, content: bytes, message: str) -> None:
    """Neither verified nor sealed."""
    file.write_bytes(content)
    with pytest.raises(ScanError, match=message):
        verify_seal(file.parent, file.parent.parent / "seal.json", Trust((_SIGNER.public_key,)))
    with pytest.raises(ScanError, match=message):
        make_seal(file.parent, _SIGNER)


def parts(file: Path) -> tuple[bytes, bytes]:
    """Down to the end of group 0002, and the rest."""
    data = file.read_bytes()
    (length,) = struct.unpack_from("<I", data, 132 + _META - 4)
    return data[: 132 + _META + length], data[132 + _META + length :]


def forged(file: Path, *, implicit: bool) -> bytes:
    """The data set of another scan."""
    ds = dcmread(file)
    ds.PixelData = bytes(len(ds.PixelData))
    stream = DicomBytesIO()
    stream.is_implicit_VR, stream.is_little_endian = implicit, True
    write_dataset(stream, ds)
    return stream.getvalue()


def padding(size: int) -> bytes:
    """The start of *Data Set Trailing Padding* of so many bytes."""
    return b"\xfc\xff\xfc\xff" + b"OB\0\0" + struct.pack("<I", size)


def two_encodings(file: Path) -> bytes:
    """Two data sets: one for who looks at the first VR, one for who believes in implicit VR.

    The first element is a date to the one, and has a length of half a megabyte to the other.
    """
    _, sealed = parts(file)
    first = _FIRST + b"DA" + struct.pack("<H", 8) + b"20000101"
    (length,) = struct.unpack_from("<I", first, 4)
    gap = bytes(8 + length - len(first) - len(sealed) - len(padding(0)))
    other = forged(file, implicit=True)
    return first + sealed + padding(len(gap) + len(other)) + gap + other


def meta(file: Path, *syntaxes: str) -> bytes:
    """Down to the end of group 0002, with these transfer syntaxes in it."""
    stream = DicomBytesIO()
    information = dcmread(file).file_meta
    information.TransferSyntaxUID = ExplicitVRLittleEndian
    write_file_meta_info(stream, information)
    data = stream.getvalue()[_META:]
    at = data.index(b"\2\0\x10\0UI")
    size = 8 + struct.unpack_from("<H", data, at + 6)[0]
    elements = b""
    for syntax in syntaxes:
        value = syntax.encode() + b"\0" * (len(syntax) % 2)
        elements += b"\2\0\x10\0UI" + struct.pack("<H", len(value)) + value
    data = data[:at] + elements + data[at + size :]
    return bytes(128) + b"DICM" + b"\2\0\0\0UL\4\0" + struct.pack("<I", len(data)) + data


def test_a_data_set_that_is_not_encoded_as_it_says(file: Path) -> None:
    content = meta(file, ImplicitVRLittleEndian) + two_encodings(file)
    refused(file, content, "not encoded as the transfer syntax")


def test_two_transfer_syntaxes(file: Path) -> None:
    content = meta(file, ImplicitVRLittleEndian, ExplicitVRLittleEndian) + two_encodings(file)
    refused(file, content, r"\(0002,0010\) occurs twice")


def test_a_group_0002_that_ends_elsewhere(file: Path) -> None:
    head, sealed = parts(file)
    other = forged(file, implicit=False)
    swallowed = sealed + padding(len(other))
    length = struct.pack("<I", len(head) - 132 - _META + len(swallowed))
    content = head[: 132 + _META - 4] + length + head[132 + _META :] + swallowed + other
    refused(file, content, "group 0002 is not as long as it says")


def test_a_vr_that_there_is_not(file: Path) -> None:
    """Its length takes two bytes for some programs, and four for others."""
    head, sealed = parts(file)
    other = forged(file, implicit=False)
    swallowed = sealed + padding(len(other))
    odd = b"ZZ" + struct.pack("<HI", 4, len(swallowed))
    refused(file, head + _FIRST + odd + swallowed + other, "has the VR b'ZZ', which there is not")
    charset = sealed[: 8 + struct.unpack_from("<H", sealed, 6)[0]]
    ends = _ITEM_END + _SEQUENCE_END
    other = ends + other.removeprefix(charset)
    swallowed = ends + sealed.removeprefix(charset) + padding(len(other))
    item = struct.pack("<HH", 8, 6) + b"SQ\0\0" + b"\xff" * 4 + b"\xfe\xff\0\xe0" + b"\xff" * 4
    odd = b"ZZ" + struct.pack("<HI", 4, len(swallowed))
    content = head + charset + item + struct.pack("<HH", 8, 0x100) + odd + swallowed + other
    refused(file, content, "has the VR b'ZZ', which there is not")


def test_an_overlay_behind_what_ends_an_item(file: Path) -> None:
    """pydicom reads no further."""
    overlay = struct.pack("<HH", 0x6000, 0x3000) + b"OW\0\0" + struct.pack("<I", 2) + b"\xff\xff"
    refused(file, file.read_bytes() + _ITEM_END + overlay, "stands where an element should")


def test_what_is_cut_off_is_told_where_it_is_decoded(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-100])
    trust = Trust((_SIGNER.public_key,))
    report = verify_seal(file.parent, file.parent.parent / "seal.json", trust)
    assert [finding.kind for finding in report.findings] == ["unreadable"]


def _explicit(dataset: Dataset) -> bytes:
    stream = DicomBytesIO()
    stream.is_implicit_VR, stream.is_little_endian = False, True
    write_dataset(stream, dataset)
    return stream.getvalue()


def _sequence(*, length: bytes, item: bytes, content: bytes) -> bytes:
    return _FIRST + b"SQ\0\0" + length + b"\xfe\xff\0\xe0" + item + content


@pytest.mark.parametrize(
    "content, message",
    [
        (
            lambda one: _sequence(length=b"\x0c\0\0\0", item=b"\4\0\0\0", content=one),
            "element is longer than its item",
        ),
        (
            lambda one: _sequence(
                length=b"\x08\0\0\0", item=struct.pack("<I", len(one)), content=one
            ),
            "item is longer than its sequence",
        ),
        (
            lambda one: _FIRST + b"OB\0\0" + b"\xff" * 4 + one + _SEQUENCE_END,
            "has no length, but is no sequence",
        ),
        (
            lambda one: (
                _FIRST
                + b"UN\0\0"
                + b"\xff" * 4
                + b"\xfe\xff\0\xe0"
                + b"\xff" * 4
                + one
                + _ITEM_END
                + _SEQUENCE_END
            ),
            "unknown VR seems to have VRs",
        ),
        (lambda one: _sequence(length=b"\xff" * 4, item=b"\xff" * 4, content=one), "ends within"),
        (lambda one: one + bytes(8) + one, "zeros stand between"),
    ],
)
def test_what_does_not_add_up_is_no_data_set(
    content: Callable[[bytes], bytes], message: str
) -> None:
    dataset = Dataset()
    dataset.PatientID = "1234567890"
    one = _explicit(dataset)
    assert walk(BytesIO(one + bytes(12)), implicit=False, little=True).tags == [[0x00100020]]
    with pytest.raises(ValueError, match=message):
        walk(BytesIO(content(one)), implicit=False, little=True)
