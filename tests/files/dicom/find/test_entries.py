"""A folder, a zip archive and a DICOMDIR give the same slices."""

from __future__ import annotations

import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset, FileDataset
from pydicom.uid import MediaStorageDirectoryStorage

from mitsgan.errors import ScanError
from mitsgan.files import Derivation, read_scan, write_scan
from mitsgan.files.dicom.find import entries

Make = Callable[..., Path]


def _zipped(folder: Path, path: Path, prefix: str = "") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, f"{prefix}{file.relative_to(folder)}")
    return path


def test_a_zip_archive_is_read_and_its_names_are_kept(
    tmp_path: Path, make_series: Make, derivation: Derivation
) -> None:
    folder = make_series(tmp_path / "a")
    archive = _zipped(folder, tmp_path / "a.zip", "study/series/")
    scan = read_scan(archive)
    np.testing.assert_array_equal(scan.stored, read_scan(folder).stored)
    write_scan(scan, tmp_path / "out", derivation=derivation)
    assert sorted(p.name for p in (tmp_path / "out" / "study" / "series").iterdir()) == sorted(
        p.name for p in folder.iterdir()
    )


def test_hidden_files_and_other_systems_leavings_in_an_archive_are_passed_over(
    tmp_path: Path, make_series: Make
) -> None:
    archive = _zipped(make_series(tmp_path / "a"), tmp_path / "a.zip")
    with zipfile.ZipFile(archive, "a") as opened:
        opened.writestr("__MACOSX/00.dcm", b"no slice")
        opened.writestr(".DS_Store", b"no slice")
    assert read_scan(archive).notes == ()


@pytest.mark.parametrize("name", ["../00.dcm", "/etc/00.dcm", "a/../../00.dcm"])
def test_an_archive_whose_names_lead_out_is_refused(tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(name, b"x")
    with pytest.raises(ScanError, match="leads out of its folder"):
        read_scan(tmp_path / "a.zip")


@pytest.mark.parametrize("prefix", ["./", "a//", "a\\b\\"])
def test_names_in_an_archive_may_be_written_otherwise(
    tmp_path: Path, make_series: Make, prefix: str
) -> None:
    folder = make_series(tmp_path / "a")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for file in folder.iterdir():
            archive.writestr(f"{prefix}{file.name}", file.read_bytes())
    scan = read_scan(tmp_path / "a.zip")
    np.testing.assert_array_equal(scan.stored, read_scan(folder).stored)


def test_two_files_of_one_name_in_an_archive_are_told(tmp_path: Path, make_series: Make) -> None:
    folder = make_series(tmp_path / "a")
    archive = _zipped(folder, tmp_path / "a.zip")
    with zipfile.ZipFile(archive, "a") as opened:
        opened.writestr("./00.dcm", (folder / "00.dcm").read_bytes())
    assert read_scan(archive).shape[0] == 5  # twice the same
    with zipfile.ZipFile(archive, "a") as opened:
        opened.writestr(".//00.dcm", sorted(folder.iterdir())[-1].read_bytes())
    with pytest.raises(ScanError, match=r"a\.zip holds two files called 00\.dcm"):
        read_scan(archive)


def test_a_damaged_and_an_empty_archive_are_named(tmp_path: Path, make_series: Make) -> None:
    archive = _zipped(make_series(tmp_path / "a"), tmp_path / "a.zip")
    archive.write_bytes(archive.read_bytes()[:-30])
    with pytest.raises(ScanError, match=r"a\.zip cannot be read as a zip archive"):
        read_scan(archive)
    with zipfile.ZipFile(tmp_path / "b.zip", "w"):
        pass
    with pytest.raises(ScanError, match=r"b\.zip.*it is empty"):
        read_scan(tmp_path / "b.zip")


def test_damage_inside_an_archive_names_the_slice(tmp_path: Path, make_series: Make) -> None:
    folder = make_series(tmp_path / "a")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for file in sorted(folder.iterdir()):
            archive.write(file, file.name)
    content = bytearray((tmp_path / "a.zip").read_bytes())
    at = content.index(b"DICM", 3000)
    content[at + 200] ^= 0xFF
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(ScanError, match=r"a\.zip/\d\d\.dcm"):
        read_scan(tmp_path / "a.zip")


def test_damage_behind_a_header_in_an_archive_is_told_by_its_checksum(
    tmp_path: Path, make_series: Make
) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for file in make_series(tmp_path / "a").iterdir():
            archive.writestr(file.name, file.read_bytes() + bytes(20_000))
    content = bytearray((tmp_path / "a.zip").read_bytes())
    content[content.index(b"PK\1\2") - 1] ^= 0xFF
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(ScanError, match=r"a\.zip/\d\d\.dcm.*CRC"):
        read_scan(tmp_path / "a.zip")


def _directory(folder: Path, *slices: Path) -> Path:
    """The DICOMDIR of a patient CD with these slices."""
    (folder / "DICOM").mkdir(parents=True)
    names = []
    for number, path in enumerate(slices):
        names.append(["DICOM", f"I{number:04d}"])
        shutil.copy(path, folder.joinpath(*names[-1]))
    return _records(folder / "DICOMDIR", dcmread(slices[0]), names)


def _records(path: Path, like: FileDataset, names: list[list[str]]) -> Path:
    """A DICOMDIR that lists files."""
    directory = FileDataset("", {}, preamble=bytes(128), file_meta=like.file_meta)
    directory.file_meta.MediaStorageSOPClassUID = MediaStorageDirectoryStorage
    records = [Dataset()]
    records[0].DirectoryRecordType = "PATIENT"  # which names no file
    for name in names:
        record = Dataset()
        record.DirectoryRecordType, record.ReferencedFileID = "IMAGE", name
        records.append(record)
    directory.DirectoryRecordSequence = records
    directory.save_as(path, enforce_file_format=True)
    return path


def test_a_dicomdir_named_as_the_scan_gives_what_it_lists(
    tmp_path: Path, make_series: Make
) -> None:
    folder = make_series(tmp_path / "a")
    directory = _directory(tmp_path / "cd", *sorted(folder.iterdir()))
    (tmp_path / "cd" / "setup.exe").write_bytes(b"MZ")
    scan = read_scan(directory)
    np.testing.assert_array_equal(scan.stored, read_scan(folder).stored)
    assert scan.notes == ()  # the programs beside it are not listed


def test_a_dicomdir_in_another_case_and_with_a_file_lost(tmp_path: Path, make_series: Make) -> None:
    folder = make_series(tmp_path / "a")
    directory = _directory(tmp_path / "cd", *sorted(folder.iterdir()))
    files = [p for p in (tmp_path / "cd").rglob("*") if p.is_file() and p != directory]
    files[0].rename(files[0].with_name(files[0].name.lower()))
    assert read_scan(directory).shape == (5, 6, 8)
    files[1].unlink()
    with pytest.raises(ScanError, match=r"DICOMDIR lists 1 file\(s\) that are not there"):
        read_scan(directory)


def test_a_file_that_a_dicomdir_lists_twice_is_one_slice(tmp_path: Path, make_series: Make) -> None:
    folder = make_series(tmp_path / "a")
    directory = _directory(tmp_path / "cd", *sorted(folder.iterdir()))
    names = [["DICOM", f"I{number:04d}"] for number in (0, 0, 1, 2, 3, 4)]
    scan = read_scan(_records(directory, dcmread(folder / "00.dcm"), names))
    assert scan.shape[0] == 5
    assert scan.notes == ()


def test_a_copied_disc_is_listed_once(
    tmp_path: Path, make_series: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_series(tmp_path / "a")
    directory = _directory(tmp_path / "cd", *sorted(folder.iterdir()))
    for path in (tmp_path / "cd" / "DICOM").iterdir():
        path.rename(path.with_name(path.name.lower()))
    listed: list[Path] = []
    children = entries._children

    def recorded(path: Path) -> list[Path]:
        listed.append(path)
        return children(path)

    monkeypatch.setattr(entries, "_children", recorded)
    assert read_scan(directory).shape[0] == 5
    assert listed == [tmp_path / "cd" / "DICOM"]


def test_a_dicomdir_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "DICOMDIR").write_bytes(b"\0" * 200)
    with pytest.raises(ScanError, match=r"DICOMDIR cannot be read as a DICOM directory"):
        read_scan(tmp_path / "DICOMDIR")


@pytest.mark.filterwarnings("ignore::UserWarning:pydicom")  # it minds the name, too
def test_a_dicomdir_that_points_elsewhere_is_refused(tmp_path: Path, make_series: Make) -> None:
    make_series(tmp_path / "a")
    (tmp_path / "cd").mkdir()
    first = dcmread(tmp_path / "a" / "00.dcm")
    _records(tmp_path / "cd" / "DICOMDIR", first, [["..", "a", "00.dcm"]])
    with pytest.raises(ScanError, match="not there, such as"):
        read_scan(tmp_path / "cd" / "DICOMDIR")


def test_a_folder_that_cannot_be_listed_is_an_error(
    tmp_path: Path, make_series: Make, unlistable: Callable[[Path], None]
) -> None:
    folder = make_series(tmp_path / "a")
    part = folder / "more"
    part.mkdir()
    sorted(folder.glob("*.dcm"))[-1].rename(part / "last.dcm")
    assert read_scan(folder).shape[0] == 5
    unlistable(part)
    with pytest.raises(ScanError, match=r"more cannot be listed \(Permission denied\)"):
        read_scan(folder)


def test_pipes_are_no_slices(tmp_path: Path, make_series: Make) -> None:
    folder = make_series(tmp_path / "a")
    os.mkfifo(folder / "99.dcm")  # to open it would wait for a writer
    assert read_scan(folder).shape[0] == 5
    with pytest.raises(ScanError, match=r"99\.dcm is a pipe or a socket"):
        read_scan(folder / "99.dcm")


def test_a_link_to_nothing_is_a_slice_that_is_missing(tmp_path: Path, make_series: Make) -> None:
    folder = make_series(tmp_path / "a")
    (folder / "99.dcm").symlink_to("nowhere.dcm")
    with pytest.raises(ScanError, match=r"99\.dcm cannot be read"):
        read_scan(folder)


@pytest.mark.parametrize("place", ["elsewhere", "a/.hidden"])
def test_a_linked_folder_is_read(tmp_path: Path, make_series: Make, place: str) -> None:
    folder = make_series(tmp_path / "a")
    (tmp_path / place).mkdir()
    for path in sorted(folder.glob("*.dcm"))[3:]:
        path.rename(tmp_path / place / path.name)
    (folder / "more").symlink_to(tmp_path / place)
    assert read_scan(folder).shape[0] == 5
    (folder / "again").symlink_to("more")  # what was read, and the way back, are not followed
    (folder / "loop").symlink_to(".")
    (tmp_path / place / "up").symlink_to("..")
    assert read_scan(folder).shape[0] == 5
