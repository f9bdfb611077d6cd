"""Every image format gives back what it was given; what is no CT in HU is refused."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from mitsgan import atomic
from mitsgan.errors import OutputError, ScanError
from mitsgan.files import Derivation, read_scan, write_scan
from mitsgan.scan import Geometry, Scan
from mitsgan.scan.canonical import in_file_order

_SUFFIXES = [".mha", ".mhd", ".nrrd", ".nhdr", ".nii", ".nii.gz"]
_OBLIQUE = ((0.0, -0.6, 0.8), (0.0, 0.8, 0.6), (1.0, 0.0, 0.0))


def _scan(dtype: Any = np.int16, low: int = -1000, slope: float = 1.0, shift: float = 0.0) -> Scan:
    stored = np.random.default_rng(0).integers(low, low + 3000, (4, 5, 6)).astype(dtype)
    stored[0, 0, :2] = low, low + 2999
    return Scan.of_image(
        stored, Geometry((2.5, 0.5, 0.75), (-10.0, 20.0, -30.5), _OBLIQUE), None, slope, shift
    )


@pytest.mark.parametrize("suffix", _SUFFIXES[:4])
def test_a_name_that_is_no_text_is_refused(
    tmp_path: Path, derivation: Derivation, suffix: str
) -> None:
    """ITK would end the whole process."""
    named = tmp_path / os.fsdecode(b"R\xf6ntgen" + suffix.encode())
    with pytest.raises(OutputError, match="no UTF-8"):
        write_scan(_scan(), named, derivation=derivation)
    assert list(tmp_path.iterdir()) == []
    write_scan(_scan(), tmp_path / f"a{suffix}", derivation=derivation)
    (tmp_path / f"a{suffix}").rename(named)
    with pytest.raises(ScanError, match="no UTF-8, which ITK needs; rename it"):
        read_scan(named)


@pytest.mark.parametrize("suffix", _SUFFIXES)
@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.float32, np.float64])
def test_round_trip(tmp_path: Path, derivation: Derivation, suffix: str, dtype: Any) -> None:
    scan = _scan(dtype)
    write_scan(scan, tmp_path / f"a{suffix}", derivation=derivation)
    back = read_scan(tmp_path / f"a{suffix}")
    assert back.stored.dtype == scan.stored.dtype
    np.testing.assert_array_equal(back.stored, scan.stored)
    for index in [(0, 0, 0), (3, 4, 5)]:
        assert back.geometry.to_world(index) == pytest.approx(
            scan.geometry.to_world(index), abs=1e-5
        )
    write_scan(back, tmp_path / f"b{suffix}", derivation=derivation)
    again = read_scan(tmp_path / f"b{suffix}")
    np.testing.assert_array_equal(again.stored, scan.stored)
    assert again.geometry == back.geometry


@pytest.mark.parametrize("suffix", _SUFFIXES)
def test_same_scan_same_bytes(tmp_path: Path, derivation: Derivation, suffix: str) -> None:
    for folder in ("a", "b"):
        write_scan(_scan(), tmp_path / folder / f"x{suffix}", derivation=derivation)
    for file in (tmp_path / "a").iterdir():
        assert file.read_bytes() == (tmp_path / "b" / file.name).read_bytes()


@pytest.mark.parametrize(
    "suffix, dtype", [(".nii.gz", np.uint16), (".mha", np.int16), (".nrrd", np.int16)]
)
def test_rescale_goes_to_the_header_or_into_the_values(
    tmp_path: Path, derivation: Derivation, suffix: str, dtype: Any
) -> None:
    scan = _scan(np.uint16, 0, 1.0, -1024.0)
    write_scan(scan, tmp_path / f"a{suffix}", derivation=derivation)
    back = read_scan(tmp_path / f"a{suffix}")
    assert back.stored.dtype == dtype
    np.testing.assert_array_equal(back.hu(), scan.hu())


def test_odd_slope_becomes_float(tmp_path: Path, derivation: Derivation) -> None:
    scan = _scan(np.uint16, 0, 1.0002441, -1024.0)
    write_scan(scan, tmp_path / "a.mha", derivation=derivation)
    assert read_scan(tmp_path / "a.mha").stored.dtype == np.float32
    np.testing.assert_array_equal(read_scan(tmp_path / "a.mha").hu(), scan.hu())


def test_slices_of_different_rescale_become_hu_in_nifti(
    tmp_path: Path, derivation: Derivation
) -> None:
    one = _scan(np.uint16, 0)
    scan = Scan(
        one.stored // 2,
        np.array([1.0, 1.0, 2.0, 1.0]),
        np.array([-1024.0, -1000.0, -1024.0, -1024.0]),
        0,
        65535,
        one.geometry,
    )
    write_scan(scan, tmp_path / "a.nii", derivation=derivation)
    np.testing.assert_array_equal(read_scan(tmp_path / "a.nii").hu(), scan.hu())


def test_detached_data_comes_with_its_header_and_both_are_guarded(
    tmp_path: Path, derivation: Derivation
) -> None:
    write_scan(_scan(), tmp_path / "x.mhd", derivation=derivation)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["x.mhd", "x.raw"]
    with pytest.raises(OutputError, match=r"x\.raw exists"):
        write_scan(_scan(), tmp_path / "x.nhdr", derivation=derivation)


def test_metadata_and_compression_are_kept(tmp_path: Path, derivation: Derivation) -> None:
    image: Any = sitk.GetImageFromArray(_scan().stored)
    image.SetMetaData("Hospital", "Elsewhere")
    sitk.WriteImage(image, str(tmp_path / "a.mha"), useCompression=True)
    write_scan(read_scan(tmp_path / "a.mha"), tmp_path / "b.mha", derivation=derivation)
    header = (tmp_path / "b.mha").read_bytes()[:1000]
    assert b"Hospital = Elsewhere" in header
    assert b"CompressedData = True" in header
    assert derivation.description.encode() in header


def test_nifti_header_is_kept_and_any_affine_read(tmp_path: Path, derivation: Derivation) -> None:
    affine = np.array([[-2.0, 0.3, 0, 10], [0, 0, -3.0, 20], [0, 1.0, 0, 30], [0, 0, 0, 1]])
    data = _scan().stored.transpose(2, 1, 0)
    image: Any = nib.Nifti1Image(data, affine)  # type: ignore[no-untyped-call]
    image.header["descrip"] = b"from the scanner"
    image.header.set_xyzt_units("mm", "sec")
    image.header.set_slope_inter(0.5, -500.0)
    nib.save(image, tmp_path / "a.nii.gz")
    ordered = read_scan(tmp_path / "a.nii.gz")
    scan = in_file_order(ordered)
    np.testing.assert_array_equal(scan.hu(), _scan().hu() * 0.5 - 500)
    ras = affine @ [5, 4, 3, 1]
    assert scan.geometry.to_world((3, 4, 5)) == pytest.approx((-ras[0], -ras[1], ras[2]))
    assert ordered.geometry.to_world((4, 3, 5)) == pytest.approx((-ras[0], -ras[1], ras[2]))
    write_scan(ordered, tmp_path / "b.nii.gz", derivation=derivation)
    back: Any = nib.load(tmp_path / "b.nii.gz")
    first: Any = nib.load(tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(back.affine, first.affine)
    assert (back.dataobj.slope, back.dataobj.inter) == (0.5, -500.0)
    assert bytes(back.header["descrip"].item()) == b"from the scanner"
    assert derivation.description.encode() in back.header.extensions[0].get_content()
    np.testing.assert_array_equal(back.dataobj.get_unscaled().transpose(2, 1, 0), scan.stored)


@pytest.mark.parametrize(
    "array, message",
    [
        (np.arange(64, dtype=np.uint8).reshape(4, 4, 4), "8-bit values"),
        (np.arange(64, dtype=np.int16).reshape(4, 4, 4) % 3, "label map or a normalised"),
        (np.linspace(0, 1, 64, dtype=np.float32).reshape(4, 4, 4), "label map or a normalised"),
        (
            np.arange(64, dtype=np.uint16).reshape(4, 4, 4) * 60,
            "a rescale intercept was lost.*`hu_offset=-1024`",
        ),
        (np.linspace(-1e6, 1e6, 64, dtype=np.float32).reshape(4, 4, 4), "no CT scan has in HU"),
        (np.full((4, 4, 4), np.nan, np.float32), "no finite value"),
        (np.full((4, 4), -1000, np.int16), "2 dimensions"),
        (np.full((2, 4, 4, 4), -1000, np.int16), "4 dimensions"),
    ],
)
def test_what_is_no_ct_in_hu_is_refused(tmp_path: Path, array: Any, message: str) -> None:
    sitk.WriteImage(sitk.GetImageFromArray(array, isVector=False), str(tmp_path / "a.nrrd"))
    with pytest.raises(ScanError, match=rf"a\.nrrd .*{message}"):
        read_scan(tmp_path / "a.nrrd")


def test_an_axis_that_is_none_of_space_is_refused(tmp_path: Path, derivation: Derivation) -> None:
    path = tmp_path / "a.nrrd"
    write_scan(_scan(), path, derivation=derivation)
    head, blank, data = path.read_bytes().partition(b"\n\n")
    lines = head.splitlines()
    (at,) = (n for n, line in enumerate(lines) if line.startswith(b"space directions:"))
    lines[at] = b" ".join([*lines[at].split(b" ")[:-1], b"none"])
    path.write_bytes(b"\n".join(lines) + blank + data)
    with pytest.raises(ScanError, match="how far its slices lie apart is unknown"):
        read_scan(path)


def test_colour_and_time_series_are_refused(tmp_path: Path) -> None:
    colour = np.zeros((4, 4, 4, 3), np.int16)
    sitk.WriteImage(sitk.GetImageFromArray(colour, isVector=True), str(tmp_path / "a.mha"))
    with pytest.raises(ScanError, match=r"3 component\(s\)"):
        read_scan(tmp_path / "a.mha")
    series: Any = nib.Nifti1Image(np.zeros((4, 4, 4, 2), np.int16), np.eye(4))  # type: ignore[no-untyped-call]
    nib.save(series, tmp_path / "a.nii")
    with pytest.raises(ScanError, match=r"shape \(4, 4, 4, 2\)"):
        read_scan(tmp_path / "a.nii")


@pytest.mark.parametrize("suffix", [".mha", ".nrrd", ".nii", ".nii.gz"])
def test_damaged_images_are_named(tmp_path: Path, derivation: Derivation, suffix: str) -> None:
    file = tmp_path / f"a{suffix}"
    write_scan(_scan(), file, derivation=derivation)
    for keep in (20, file.stat().st_size - 40):
        file.write_bytes(file.read_bytes()[:keep])
        with pytest.raises(ScanError, match=rf"a{suffix} cannot be read"):
            read_scan(file)


@pytest.mark.parametrize("suffix", [".nii.gz", ".mhd"])
def test_failure_leaves_nothing(
    tmp_path: Path, derivation: Derivation, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(atomic, "_commit", full)
    with pytest.raises(OutputError, match="disk is full"):
        write_scan(_scan(), tmp_path / f"a{suffix}", derivation=derivation)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.real_data
@pytest.mark.parametrize("name", ["elastix-lung/3DCT_lung.mha", "cip-64/ct-64.nrrd"])
@pytest.mark.parametrize("suffix", _SUFFIXES)
def test_real_images(
    data: Path, tmp_path: Path, derivation: Derivation, name: str, suffix: str
) -> None:
    scan = read_scan(data / "ct" / name)
    write_scan(scan, tmp_path / f"a{suffix}", derivation=derivation)
    back = read_scan(tmp_path / f"a{suffix}")
    np.testing.assert_array_equal(back.stored, scan.stored)
    assert back.spacing == pytest.approx(scan.spacing, rel=1e-6)


@pytest.mark.real_data
def test_real_label_map_is_refused(data: Path) -> None:
    with pytest.raises(ScanError, match="label map"):
        read_scan(data / "ct" / "cip-64" / "wholeLung-64.nrrd")
