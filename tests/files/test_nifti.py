"""NIfTI as other programs write it: byte order, compression, pairs, headers that are no good."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from numpy.typing import NDArray

from mitsgan.errors import OutputError, ScanError
from mitsgan.files import Derivation, check_output, read_scan, write_scan
from mitsgan.reading import Reading

_AFFINE = np.diag([-0.7, -0.8, 2.5, 1.0])


def _values() -> NDArray[np.int16]:
    return np.random.default_rng(2).integers(-1000, 1500, (6, 5, 4)).astype(np.int16)


def _save(path: Path, kind: Any = nib.Nifti1Image, dtype: str = "<i2", **header: Any) -> Path:
    image: Any = kind(_values().astype(dtype), _AFFINE)
    if dtype.startswith(">"):
        image = kind(_values().astype(dtype), _AFFINE, image.header.as_byteswapped(">"))
        image.header.set_data_dtype(np.dtype(dtype))
    for name, value in header.items():
        image.header[name] = value
    nib.save(image, path)
    return path


@pytest.mark.parametrize("dtype", ["<i2", ">i2", "<i4", ">i4", "<f4", ">f4", "<f8", ">f8"])
@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
def test_byte_order_and_kind_are_kept(
    tmp_path: Path, derivation: Derivation, kind: Any, dtype: str
) -> None:
    scan = read_scan(_save(tmp_path / "a.nii", kind, dtype))
    np.testing.assert_array_equal(scan.hu(), _values().T)
    write_scan(scan, tmp_path / "b.nii", derivation=derivation)
    image: Any = nib.load(tmp_path / "b.nii")
    assert type(image) is kind
    assert image.header.endianness == dtype[0]
    assert np.asanyarray(image.dataobj).dtype.newbyteorder("=") == np.dtype(dtype).newbyteorder("=")
    np.testing.assert_array_equal(np.asanyarray(image.dataobj), _values())


@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
def test_a_name_that_says_otherwise_than_the_bytes(
    tmp_path: Path, derivation: Derivation, kind: Any
) -> None:
    packed = gzip.compress(_save(tmp_path / "a.nii", kind).read_bytes())
    plain = (tmp_path / "a.nii").read_bytes()
    (tmp_path / "packed.nii").write_bytes(packed)
    (tmp_path / "plain.nii.gz").write_bytes(plain)
    for name in ("packed.nii", "plain.nii.gz"):
        scan = read_scan(tmp_path / name)
        np.testing.assert_array_equal(scan.stored, _values().T)
        write_scan(scan, tmp_path / f"out-{name}", derivation=derivation)
        start = (tmp_path / f"out-{name}").read_bytes()[:2]
        assert (start == b"\x1f\x8b") == name.endswith(".gz")


def test_a_pair_is_read_and_written_as_one_file(tmp_path: Path, derivation: Derivation) -> None:
    _save(tmp_path / "a.hdr", nib.Nifti1Pair)
    for name in ("a.hdr", "a.img"):
        scan = read_scan(tmp_path / name)
        np.testing.assert_array_equal(scan.stored, _values().T)
    write_scan(scan, tmp_path / "b.nii.gz", derivation=derivation)
    np.testing.assert_array_equal(read_scan(tmp_path / "b.nii.gz").stored, _values().T)
    with pytest.raises(OutputError, match=r"ends in \.hdr, which no format is written as"):
        write_scan(scan, tmp_path / "c.hdr", derivation=derivation)


def test_an_analyze_image_does_not_say_where_left_is(tmp_path: Path) -> None:
    nib.save(nib.AnalyzeImage(_values(), np.eye(4)), tmp_path / "a.hdr")  # type: ignore[no-untyped-call]
    with pytest.raises(ScanError, match="Analyze image, which does not say which side is left"):
        read_scan(tmp_path / "a.hdr")


def test_an_affine_that_is_flat_is_refused(tmp_path: Path) -> None:
    flat = np.array([[1.0, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    image: Any = nib.Nifti1Image(_values(), None)  # type: ignore[no-untyped-call]
    image.header.set_sform(flat, code=1)
    image.header.set_qform(None, code=0)
    (tmp_path / "a.nii").write_bytes(
        image.header.binaryblock + bytes(4) + _values().tobytes(order="F")
    )
    with pytest.raises(ScanError, match="flat"):
        read_scan(tmp_path / "a.nii")


def test_no_library_tells_what_is_odd_in_a_header(
    tmp_path: Path, derivation: Derivation, caplog: pytest.LogCaptureFixture
) -> None:
    path = _save(tmp_path / "a.nii")
    content = bytearray(path.read_bytes())
    content[80:84] = struct.pack("<f", -0.7)  # pixdim[1]
    path.write_bytes(content)
    write_scan(read_scan(path), tmp_path / "out.nii", derivation=derivation)
    assert not caplog.records


@pytest.mark.parametrize("code, millimetres", [(4, 1), (7, 1), (2 | 56, 1), (1, 1000), (3, 0.001)])
def test_units_that_no_standard_defines_are_millimetres(
    tmp_path: Path, derivation: Derivation, code: int, millimetres: float
) -> None:
    scan = read_scan(_save(tmp_path / "a.nii", xyzt_units=code))
    expected = np.array((2.5, 0.8, 0.7)) * millimetres
    np.testing.assert_allclose(scan.geometry.spacing, expected, rtol=1e-6)
    write_scan(scan, tmp_path / "b.nii", derivation=derivation)
    image: Any = nib.load(tmp_path / "b.nii")
    assert int(image.header["xyzt_units"]) == code


def test_an_offset_is_added_for_us_and_left_out_of_the_file(
    tmp_path: Path, derivation: Derivation
) -> None:
    image: Any = nib.Nifti1Image((_values() + 1024).astype(np.uint16), _AFFINE)  # type: ignore[no-untyped-call]
    nib.save(image, tmp_path / "a.nii")
    scan = read_scan(tmp_path / "a.nii", Reading(hu_offset=-1024.0))
    np.testing.assert_array_equal(scan.hu(), _values().T)
    assert any("-1024 HU were added" in note for note in scan.notes)
    write_scan(scan, tmp_path / "b.nii", derivation=derivation)
    back: Any = nib.load(tmp_path / "b.nii")
    assert (back.dataobj.slope, back.dataobj.inter) == (1.0, 0.0)
    np.testing.assert_array_equal(np.asanyarray(back.dataobj), _values() + 1024)
    write_scan(scan, tmp_path / "b.mha", derivation=derivation)  # which has no rescale of its own
    np.testing.assert_array_equal(read_scan(tmp_path / "b.mha").hu(), _values().T)


@pytest.mark.parametrize("name", ["a.tif", "a.nii.gx", "a.mgz", "a.npy", "a.jpg", "a.dmc"])
def test_an_ending_that_is_not_known_lists_those_that_are(tmp_path: Path, name: str) -> None:
    with pytest.raises(OutputError, match=r"no format is written as.*\.nii\.gz.*\.dcm.*no ending"):
        check_output(tmp_path / name)


@pytest.mark.parametrize("name", ["a", "scan.protected", "patient.1", "1.2.840.5", "a.dcm"])
def test_what_may_be_the_name_of_a_folder_is_taken(tmp_path: Path, name: str) -> None:
    check_output(tmp_path / name)
