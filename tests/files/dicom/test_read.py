"""A series becomes a scan; every kind of bad input is named with its remedy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import FileDataset
from pydicom.encaps import encapsulate
from pydicom.uid import JPEGLSLossless

from mitsgan.errors import ScanError
from mitsgan.files import read_scan
from mitsgan.reading import Reading
from mitsgan.scan import Geometry
from mitsgan.scan.canonical import in_file_order

Make = Callable[..., Path]


def test_slices_stand_along_the_normal_whatever_their_names(
    tmp_path: Path, make_series: Make
) -> None:
    steps: list[tuple[int, int]] = []
    scan = read_scan(make_series(tmp_path), progress=lambda a, b: steps.append((a, b)))
    assert scan.shape == (5, 6, 8)
    assert scan.spacing == (2.0, 0.5, 0.75)
    assert scan.geometry.origin == (-10.0, -20.0, 100.0)
    for k in range(5):
        expected = np.random.default_rng(k).integers(0, 3000, (6, 8))
        np.testing.assert_array_equal(scan.stored[k], expected)
    assert (scan.slope[0], scan.intercept[0], scan.padding) == (1.0, -1024.0, None)
    assert (scan.lowest, scan.highest) == (-32768, 32767)
    assert steps[-1] == (10, 10)
    assert [a for a, _ in steps] == sorted(a for a, _ in steps)


def test_prone_orientation_flips_the_normal_and_the_order(
    tmp_path: Path, make_series: Make
) -> None:
    def feet_up(k: int, ds: FileDataset) -> None:
        ds.ImageOrientationPatient = [1, 0, 0, 0, -1, 0]

    scan = read_scan(make_series(tmp_path, change=feet_up))
    assert scan.geometry == Geometry((2.0, 0.5, 0.75), (-10.0, -22.5, 100.0))
    in_file = in_file_order(scan)
    assert in_file.geometry.axes[0] == (0.0, 0.0, -1.0)
    assert in_file.geometry.origin == (-10.0, -20.0, 108.0)
    np.testing.assert_array_equal(
        in_file.stored[0], np.random.default_rng(4).integers(0, 3000, (6, 8))
    )


def test_subfolders_and_side_files(tmp_path: Path, make_series: Make) -> None:
    make_series(tmp_path / "a" / "b")
    (tmp_path / "README").write_text("These are the slices.\n")
    (tmp_path / "a" / "marks.xml").write_text("<marks/>")
    (tmp_path / "DICOMDIR").write_bytes(b"\0" * 200)
    (tmp_path / "a" / "._00.dcm").write_bytes(b"\0\x05\x16\x07")
    assert read_scan(tmp_path).shape == (5, 6, 8)


def _set(keyword: str, value: object, only: int | None = None) -> Any:
    def change(k: int, ds: FileDataset) -> None:
        if only is None or k == only:
            setattr(ds, keyword, value)

    return change


def _drop(keyword: str) -> Any:
    return lambda k, ds: delattr(ds, keyword)


def _monochrome1(k: int, ds: FileDataset) -> None:
    ds.PhotometricInterpretation = "MONOCHROME1"


def _tilted(k: int, ds: FileDataset) -> None:
    ds.ImagePositionPatient = [-10.0, -20.0 + 0.5 * k, 100.0 + 2.0 * k]


def _drifting(k: int, ds: FileDataset) -> None:
    ds.ImagePositionPatient = [-10.0, -20.0, 100.0 + 2.0 * k + (0.7 if k == 3 else 0.0)]


@pytest.mark.parametrize(
    "change, message",
    [
        (_set("Modality", "MR"), r"5 objects of modality MR.*choose a CT series"),
        (_set("RescaleType", "EDW"), r"units 'EDW'.*expected HU"),
        (_drop("RescaleSlope"), r"no \*Rescale Slope\*"),
        (_drop("RescaleIntercept"), r"no \*Rescale Intercept\*"),
        (_set("RescaleSlope", "0"), r"\*Rescale Slope\* 0.0, expected a positive"),
        (_set("ImageType", ["ORIGINAL", "PRIMARY", "LOCALIZER"]), r"5 localizers \("),
        (_monochrome1, r"MONOCHROME1, expected MONOCHROME2"),
        (_set("NumberOfFrames", "5"), r"5 frames without \*Per-frame Functional Groups\*"),
        (_set("NumberOfFrames", "0"), r"'0' frames, expected a whole number"),
        (_set("HighBit", 14), r"\*High Bit\* 14 with \*Bits Stored\* 16"),
        (_set("BitsAllocated", 8), r"stores 16 of 8 bits"),
        (_set("BitsStored", 12, only=2), r"\*High Bit\*"),
        (_set("PixelSpacing", [0.5, 0.5], only=2), r"another pixel spacing"),
        (_set("ImageOrientationPatient", [0, 1, 0, 0, 0, 1], only=2), r"another orientation"),
        (_set("ImageOrientationPatient", [1, 0, 0, 1, 0, 0]), r"two unit vectors at right angles"),
        (_drop("ImagePositionPatient"), r"\(0020,0032\) \*Image Position \(Patient\)\* is missing"),
        (_drop("PixelSpacing"), r"\*Pixel Spacing\* is missing"),
        (
            _set("PixelSpacing", ["1e-300", "1e-300"]),
            r"voxel spacing must be from",
        ),
        (_set("Columns", 65535), r"for which this machine has no room|bytes, expected"),
        (_drifting, r"uneven slice spacing between .*dcm and .*dcm"),
        (_set("ImagePositionPatient", [-10.0, -20.0, 102.0], only=2), r"lie at the same position"),
        (_drop("PixelData"), r"holds no pixel data"),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning:pydicom")  # it minds some of these, too
def test_bad_series(tmp_path: Path, make_series: Make, change: Any, message: str) -> None:
    make_series(tmp_path, change=change)
    with pytest.raises(ScanError, match=message) as caught:
        read_scan(tmp_path)
    assert ".dcm" in str(caught.value)


def test_missing_slice(tmp_path: Path, make_series: Make) -> None:
    make_series(tmp_path)
    (tmp_path / "03.dcm").unlink()  # the third
    with pytest.raises(ScanError, match=r"1 slice missing between .*07\.dcm and .*10\.dcm"):
        read_scan(tmp_path)


def test_several_series_are_listed_and_one_can_be_chosen(tmp_path: Path, make_series: Make) -> None:
    make_series(tmp_path / "one")
    make_series(tmp_path / "two", 3, _set("SeriesInstanceUID", "1.2.3.99"))
    with pytest.raises(ScanError) as caught:
        read_scan(tmp_path)
    message = str(caught.value)
    assert "2 series; choose one by its UID with `series`" in message
    assert '1.2.3.4  CT  "Thorax"  5 slices' in message
    assert '1.2.3.99  CT  "Thorax"  3 slices' in message
    assert read_scan(tmp_path, series="1.2.3.99").shape == (3, 6, 8)
    with pytest.raises(ScanError, match=r"no series 1\.5; it holds"):
        read_scan(tmp_path, series="1.5")


def test_truncated_slice_is_named(tmp_path: Path, make_series: Make) -> None:
    path = make_series(tmp_path) / "03.dcm"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(ScanError, match=r"03\.dcm .*87 bytes, expected 96.*truncated: fetch it"):
        read_scan(tmp_path)


def test_damaged_compressed_slice_is_named(tmp_path: Path, make_series: Make) -> None:
    def damaged(k: int, ds: FileDataset) -> None:
        ds.compress(JPEGLSLossless, generate_instance_uid=False)
        if k == 2:
            ds.PixelData = encapsulate([b"\xff\xd8 no codestream \xff\xd9"])

    with pytest.raises(ScanError, match=r"03\.dcm \(JPEG-LS.*the file is damaged"):
        read_scan(make_series(tmp_path, change=damaged))


@pytest.mark.parametrize("size", [0, 100, 140, 400])
@pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom's word on the end of the file
def test_cut_header_is_named(tmp_path: Path, make_series: Make, size: int) -> None:
    path = make_series(tmp_path) / "03.dcm"
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(ScanError, match=r"03\.dcm"):
        read_scan(tmp_path)


@pytest.mark.parametrize("name", ["99.dcm", "0099", "1.2.3.99"])
def test_what_is_no_dicom_among_the_slices_is_named(
    tmp_path: Path, make_series: Make, name: str
) -> None:
    (make_series(tmp_path) / name).write_bytes(bytes(range(256)) * 4)
    with pytest.raises(ScanError, match=rf"{name} is not a DICOM file"):
        read_scan(tmp_path)


def test_empty_and_missing_folders(tmp_path: Path) -> None:
    with pytest.raises(ScanError, match="it is empty"):
        read_scan(tmp_path)
    with pytest.raises(ScanError, match="does not exist"):
        read_scan(tmp_path / "nowhere")


def test_single_slice_takes_its_depth_from_the_header(tmp_path: Path, make_series: Make) -> None:
    file = make_series(tmp_path, 1) / "00.dcm"
    assert read_scan(file).spacing == (2.0, 0.5, 0.75)
    with pytest.raises(ScanError, match="depth is unknown"):
        read_scan(make_series(tmp_path / "thin", 1, _drop("SliceThickness")))


def test_padding_range_and_sign(tmp_path: Path, make_series: Make) -> None:
    def padded(k: int, ds: FileDataset) -> None:
        ds.add_new(0x00280120, "US", 63536)  # -2000, as scanners write it
        ds.add_new(0x00280121, "SS", -1990)

    assert read_scan(make_series(tmp_path, change=padded)).padding == (-2000.0, -1990.0)


def test_padding_that_differs_between_slices(tmp_path: Path, make_series: Make) -> None:
    def below_air_once(k: int, ds: FileDataset) -> None:
        ds.add_new(0x00280120, "SS", -2000 if k == 1 else 0)

    def two(k: int, ds: FileDataset) -> None:
        ds.add_new(0x00280120, "SS", 1 if k == 1 else 0)

    assert read_scan(make_series(tmp_path / "a", change=below_air_once)).padding == (0.0, 0.0)
    with pytest.raises(ScanError, match=r"\(0, 0\) as padding.*\(1, 1\)"):
        read_scan(make_series(tmp_path / "b", change=two))


def test_rescale_may_differ_between_slices(tmp_path: Path, make_series: Make) -> None:
    def rescaled(k: int, ds: FileDataset) -> None:
        ds.RescaleSlope, ds.RescaleIntercept = f"00{k + 1}.00E+00", f"-{1000 + k}"

    scan = read_scan(make_series(tmp_path, change=rescaled), Reading(assume_hu=True))
    assert scan.slope.tolist() == [1, 2, 3, 4, 5]
    assert scan.intercept.tolist() == [-1000, -1001, -1002, -1003, -1004]


@pytest.mark.real_data
@pytest.mark.parametrize(
    "name, message",
    [
        ("missing-slice-1", r"1 slice missing"),
        ("repeated-position", "lie at the same position"),
    ],
)
def test_real_bad_geometry(data: Path, name: str, message: str) -> None:
    with pytest.raises(ScanError, match=message):
        read_scan(data / "dicom" / "geometry" / name)


@pytest.mark.real_data
def test_real_single_slices_all_read(data: Path) -> None:
    files = sorted((data / "dicom" / "single-slices").iterdir())
    scans = [read_scan(file) for file in files]
    assert len(scans) == 16
    assert all(scan.shape == (1, 512, 512) for scan in scans)
    assert all(-1100 < np.median(scan.hu()[~scan.is_padding()]) < 200 for scan in scans)


@pytest.mark.real_data
def test_lidc_geometry_and_padding(data: Path) -> None:
    scan = read_scan(data / "ct" / "lidc-0001")
    assert scan.shape == (133, 512, 512)
    assert scan.spacing == pytest.approx((2.5, 0.703125, 0.703125))
    assert scan.geometry.origin == pytest.approx((-166.0, -171.699997, -340.0))
    assert scan.padding == (-2000.0, -2000.0)
    z, y, x = (round(v) for v in scan.geometry.to_index((56.21, 86.34, -115.87)))  # the mass
    assert scan.hu(z, z + 1)[0, y - 3 : y + 4, x - 3 : x + 4].mean() > -100
