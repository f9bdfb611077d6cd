"""UIDs that are no good are refused before any work, or renewed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread

from mitsgan.errors import ScanError
from mitsgan.files import Derivation, check_derivable, read_scan, write_scan
from mitsgan.files.dicom.find.uids import is_uid
from mitsgan.reading import Reading

Make = Callable[..., Path]


def _set(**values: str) -> Any:
    def change(k: int, ds: Any) -> None:
        for keyword, value in values.items():
            setattr(ds, keyword, value)

    return change


_BAD = [
    pytest.param(_set(SOPInstanceUID=""), r"SOP Instance UID\* is empty", id="instance"),
    pytest.param(_set(SOPInstanceUID="1.2.3"), "have the same .*SOP Instance UID", id="equal"),
    pytest.param(_set(StudyInstanceUID=""), r"Study Instance UID\* is empty", id="study"),
    pytest.param(_set(SeriesInstanceUID=""), r"Series Instance UID\* is empty", id="series"),
    pytest.param(_set(SOPInstanceUID="anonymous"), "'anonymous', which is no UID", id="word"),
    pytest.param(
        _set(SOPInstanceUID="", StudyInstanceUID="", SeriesInstanceUID="", SOPClassUID=""),
        "is empty",
        id="all",
    ),
]


def _emptied(folder: Path, make_series: Make, change: Any) -> Path:
    for path in make_series(folder).iterdir():
        ds = dcmread(path)
        change(0, ds)
        ds.save_as(path)
    return folder


@pytest.mark.filterwarnings("ignore::UserWarning:pydicom")  # it minds what is no UID, too
@pytest.mark.parametrize("change, message", _BAD)
def test_no_good_uids_are_refused_with_the_remedy(
    tmp_path: Path, make_series: Make, derivation: Derivation, change: Any, message: str
) -> None:
    scan = read_scan(_emptied(tmp_path / "a", make_series, change))
    remedy = rf"{message}.*anonymisers.*`new_uids`"
    with pytest.raises(ScanError, match=remedy):
        check_derivable(scan, tmp_path / "out")
    with pytest.raises(ScanError, match=remedy):
        write_scan(scan, tmp_path / "out", derivation=derivation)
    assert not (tmp_path / "out").exists()
    check_derivable(scan, tmp_path / "out.nii.gz")  # an image has no UIDs


@pytest.mark.filterwarnings("ignore::UserWarning:pydicom")
@pytest.mark.parametrize("change, message", _BAD)
def test_they_are_renewed_on_request(
    tmp_path: Path, make_series: Make, derivation: Derivation, change: Any, message: str
) -> None:
    scan = read_scan(_emptied(tmp_path / "a", make_series, change), new_uids=True)
    for out in ("out", "again"):
        write_scan(scan, tmp_path / out, derivation=derivation)
    written = [dcmread(path) for path in sorted((tmp_path / "out").iterdir())]
    again = [dcmread(path) for path in sorted((tmp_path / "again").iterdir())]
    assert [ds.SOPInstanceUID for ds in written] == [ds.SOPInstanceUID for ds in again]
    assert len({ds.SOPInstanceUID for ds in written}) == 5
    assert len({ds.SeriesInstanceUID for ds in written}) == 1
    assert len({ds.StudyInstanceUID for ds in written}) == 1
    for ds in written:
        assert ds.file_meta.MediaStorageSOPInstanceUID == ds.SOPInstanceUID
        assert ds.SOPInstanceUID.is_valid
        assert ds.SeriesInstanceUID.is_valid
        assert ds.StudyInstanceUID.is_valid
        assert ds.SOPClassUID == "1.2.840.10008.5.1.4.1.1.2"
        assert "SourceImageSequence" not in ds  # there is nothing to refer to


def test_two_studies_in_one_series_are_refused(
    tmp_path: Path, make_series: Make, derivation: Derivation
) -> None:
    def change(k: int, ds: Any) -> None:
        ds.StudyInstanceUID = f"1.2.3.{k // 2}"

    scan = read_scan(make_series(tmp_path / "a", change=change))
    with pytest.raises(ScanError, match=r"one \*Series Instance UID\*, but two"):
        write_scan(scan, tmp_path / "out", derivation=derivation)


def test_two_patients_in_one_series_are_refused_and_not_named(
    tmp_path: Path, make_series: Make, derivation: Derivation
) -> None:
    def change(k: int, ds: Any) -> None:
        ds.PatientID = ("", "ABC", "ABC ", "XYZ", "XYZ")[k]

    scan = read_scan(make_series(tmp_path / "a", change=change))
    with pytest.raises(ScanError, match=r"name two patients") as refused:
        write_scan(scan, tmp_path / "out", derivation=derivation)
    assert "ABC" not in str(refused.value)
    assert "XYZ" not in str(refused.value)
    chosen = read_scan(tmp_path / "a", Reading(select=("PatientID=XYZ",)))
    write_scan(chosen, tmp_path / "out", derivation=derivation)
    assert chosen.shape[0] == 2


def test_what_is_a_uid() -> None:
    assert is_uid("1.2.840.10008.1.2")
    assert is_uid("1.02.3")  # not allowed, but common
    for text in ("", "1.", ".1", "1..2", "1.2 ", "a.b", "1.2\n", "1." + "2" * 64):
        assert not is_uid(text)
