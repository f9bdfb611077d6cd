"""What is no slice is left out and named; what may be a lost slice is an error."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.uid import (
    UID,
    RawDataStorage,
    RTStructureSetStorage,
    SecondaryCaptureImageStorage,
)

from mitsgan.errors import ScanError
from mitsgan.files import read_scan
from mitsgan.files.dicom.find.sift import LeftOut, left_out_note
from mitsgan.reading import Reading

Make = Callable[..., Path]


def _beside(folder: Path, name: str, **changes: Any) -> Path:
    """Another object beside the slices of a folder."""
    ds = dcmread(folder / "00.dcm")
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = UID("1.2.3.4.99")
    for keyword, value in changes.items():
        if value is None:
            delattr(ds, keyword)
        else:
            setattr(ds, keyword, value)
    ds.save_as(folder / name, enforce_file_format=True)
    return folder / name


def _localizer(folder: Path) -> Path:
    return _beside(
        folder,
        "scout.dcm",
        ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"],
        ImageOrientationPatient=[1, 0, 0, 0, 0, -1],
    )


def _dose_page(folder: Path) -> Path:
    return _beside(
        folder,
        "dose.dcm",
        SOPClassUID=SecondaryCaptureImageStorage,
        PhotometricInterpretation="RGB",
        SamplesPerPixel=3,
        PlanarConfiguration=0,
        BitsAllocated=8,
        BitsStored=8,
        HighBit=7,
        PixelRepresentation=0,
        PixelData=bytes(6 * 8 * 3),
        ImagePositionPatient=None,
    )


def _structure_set(folder: Path) -> Path:
    return _beside(
        folder,
        "rt.dcm",
        SOPClassUID=RTStructureSetStorage,
        Modality="RTSTRUCT",
        SeriesInstanceUID="1.2.3.77",
        PixelData=None,
    )


def _raw_data(folder: Path) -> Path:
    """As scanners put them into the series that they belong to, of its modality."""
    return _beside(folder, "raw.dcm", SOPClassUID=RawDataStorage, PixelData=None)


def _siemens(folder: Path) -> Path:
    return _beside(folder, "csa.dcm", SOPClassUID=UID("1.3.12.2.1107.5.9.1"), PixelData=None)


@pytest.mark.parametrize(
    "add, note",
    [
        (_localizer, r"1 localizer \(scout\.dcm\)"),
        (_dose_page, r"1 secondary capture \(dose\.dcm\)"),
        (_structure_set, r"1 structure set \(rt\.dcm\)"),
        (_raw_data, r"1 object without an image \(raw\.dcm\)"),
        (_siemens, r"1 object without an image \(csa\.dcm\)"),
    ],
)
def test_other_objects_are_left_out(
    tmp_path: Path, make_series: Make, add: Callable[[Path], Path], note: str
) -> None:
    folder = make_series(tmp_path)
    expected = read_scan(folder).stored
    add(folder)
    scan = read_scan(folder)
    np.testing.assert_array_equal(scan.stored, expected)
    (only_note,) = scan.notes
    assert only_note.startswith("left out, being no slices of the scan: ")
    with pytest.raises(ScanError, match=note):
        read_scan(folder, Reading(strict=True))
    assert re.search(note, only_note)


def test_a_secondary_capture_with_all_that_a_slice_has_is_a_slice(
    tmp_path: Path, make_series: Make
) -> None:
    def exported(k: int, ds: Any) -> None:
        ds.SOPClassUID = SecondaryCaptureImageStorage

    assert read_scan(make_series(tmp_path, change=exported)).shape == (5, 6, 8)


def test_the_programs_of_a_patient_cd_are_left_out(tmp_path: Path, make_series: Make) -> None:
    make_series(tmp_path / "DICOM")
    for name in ("core.dll", "viewer.exe", "help.chm", "data.bin", "style.css", "old.zip"):
        (tmp_path / name).write_bytes(bytes(range(256)) * 8)
    (tmp_path / "README.txt").write_text("Insert the disc.\n")
    scan = read_scan(tmp_path)
    assert scan.shape == (5, 6, 8)
    assert scan.notes == (
        "left out, being no slices of the scan: 6 other files (core.dll, data.bin, help.chm, ...)",
    )
    with pytest.raises(ScanError, match=r"core\.dll.*take these away"):
        read_scan(tmp_path, Reading(strict=True))


@pytest.mark.parametrize("name", ["07", "99.dcm"])
def test_a_pointer_in_place_of_a_slice_is_no_note(
    tmp_path: Path, make_series: Make, name: str
) -> None:
    folder = make_series(tmp_path)
    (folder / name).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    with pytest.raises(ScanError, match=rf"{name} is a Git LFS pointer"):
        read_scan(folder)


def test_copies_are_ignored_and_told(tmp_path: Path, make_series: Make) -> None:
    folder = make_series(tmp_path)
    shutil.copy(folder / "03.dcm", folder / "03 (1).dcm")
    scan = read_scan(folder)
    assert scan.shape == (5, 6, 8)
    assert scan.notes == (
        "left out, being no slices of the scan: 1 copy of another file (03 (1).dcm)",
    )
    with pytest.raises(ScanError, match=r"03 \(1\)\.dcm"):
        read_scan(folder, Reading(strict=True))


def test_the_same_place_with_other_pixels_is_no_copy(tmp_path: Path, make_series: Make) -> None:
    folder = make_series(tmp_path)
    ds = dcmread(folder / "03.dcm")
    ds.PixelData = bytes(len(ds.PixelData))
    ds.save_as(folder / "other.dcm")
    with pytest.raises(ScanError, match="lie at the same position"):
        read_scan(folder)


def test_several_of_a_kind_are_counted() -> None:
    names = [LeftOut(Path(f"{k}.dcm"), "localizer") for k in range(5)]
    copies = [
        LeftOut(Path("a"), "copy of another file"),
        LeftOut(Path("b"), "copy of another file"),
    ]
    assert left_out_note([*names, *copies, LeftOut(Path("notes.txt"), "")]) == (
        "left out, being no slices of the scan: 2 copies of another file (a, b); "
        "5 localizers (0.dcm, 1.dcm, 2.dcm, ...)"
    )
    assert left_out_note([LeftOut(Path("notes.txt"), "")]) is None


def test_a_folder_without_any_slice_says_what_there_is(tmp_path: Path, make_series: Make) -> None:
    folder = make_series(tmp_path)
    _structure_set(folder)
    for path in folder.glob("0*.dcm"):
        path.unlink()
    for path in folder.glob("1*.dcm"):
        path.unlink()
    with pytest.raises(ScanError, match=r"no slice of a CT scan.*1 structure set"):
        read_scan(folder)
