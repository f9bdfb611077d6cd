"""Slices that went missing, came in addition, or lie elsewhere are named."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from pydicom import dcmread
from tests.seal.sealed_series import Check, change, flip, ordered

from mitsgan.files.dicom.phantom import phantom_series
from mitsgan.phantom.chest import chest
from mitsgan.scan.scan import Scan
from mitsgan.seal.format import SealError, write_seal
from mitsgan.seal.seal import make_seal
from mitsgan.seal.signature import Signer
from mitsgan.seal.trust import Trust
from mitsgan.seal.verify import verify_seal


def test_a_missing_slice_is_named(check: Check, copy: Path) -> None:
    ordered(copy)[3].unlink()
    (finding,) = check(copy).findings
    assert (finding.kind, finding.slices) == ("missing", (3,))


def test_an_extra_slice_is_named(check: Check, copy: Path) -> None:
    shutil.copy(ordered(copy)[3], copy / "zz.dcm")
    change(copy / "zz.dcm", SOPInstanceUID="1.2.3.9")
    (finding,) = check(copy).findings
    assert finding.kind == "extra"
    assert "zz.dcm" in finding.text


def test_an_extra_slice_is_named_where_the_series_has_a_new_uid(check: Check, copy: Path) -> None:
    shutil.copy(ordered(copy)[3], copy / "zz.dcm")
    change(copy / "zz.dcm", SOPInstanceUID="1.2.3.9")
    for file in copy.iterdir():
        change(file, SeriesInstanceUID="1.2.3.8")
    report = check(copy)
    assert report.verdict == "tampered"
    (finding,) = [f for f in report.findings if not f.explained]
    assert (finding.kind, "zz.dcm" in finding.text) == ("extra", True)


@pytest.mark.parametrize(
    "name, value", [("ImageType", "ORIGINAL\\PRIMARY\\LOCALIZER"), ("Modality", "SR")]
)
def test_a_slice_that_poses_as_none_is_named(
    check: Check, copy: Path, signer: Signer, *, name: str, value: str
) -> None:
    """It is left out here, and shown among the slices by who goes by the series alone."""
    disguised = ordered(copy)[3]
    change(disguised, **{name: value})
    flip(disguised, 3, 3, 1)
    report = check(copy)
    assert report.verdict == "tampered"
    assert [f.slices for f in report.findings if f.kind == "missing"] == [(3,)]
    (finding,) = [f for f in report.findings if f.kind == "extra"]
    assert disguised.name in finding.text
    with pytest.raises(SealError, match="could not tell whether it was there"):
        make_seal(copy, signer)


def test_what_is_no_slice_of_another_series_is_told(check: Check, copy: Path) -> None:
    """By a presentation state a viewer shows the scan otherwise."""
    ds = dcmread(ordered(copy)[0])
    ds.Modality, ds.SeriesInstanceUID, ds.SOPInstanceUID = "PR", "1.2.3.4", "1.2.3.5"
    del ds.PixelData
    ds.save_as(copy / "zz.dcm")
    report = check(copy)
    assert report.verdict == "intact"
    (note,) = report.notes
    assert note == "left out, being no slices of the scan: 1 presentation state (zz.dcm)"


def test_the_same_slice_twice_is_named(check: Check, copy: Path) -> None:
    again = Path(shutil.copy(ordered(copy)[3], copy / "again (1).dcm"))
    report = check(copy)
    assert report.verdict == "intact", "byte for byte the same, as a file that was sent twice"
    assert [note for note in report.notes if "1 copy of another file (again (1).dcm)" in note]
    change(again, ImageComments="not quite")
    (finding,) = check(copy).findings
    assert finding.kind == "extra"


def test_pixels_put_into_another_slice_are_named(check: Check, copy: Path) -> None:
    files = ordered(copy)
    one, two = (dcmread(files[z]) for z in (1, 2))
    one.PixelData, two.PixelData = two.PixelData, one.PixelData
    one.save_as(files[1])
    two.save_as(files[2])
    moved = [f for f in check(copy).findings if f.kind == "moved"]
    assert [f.slices for f in moved] == [(1,), (2,)]
    assert "holds the pixels of slice 2" in moved[0].text


def test_slices_in_another_order_are_named(check: Check, copy: Path) -> None:
    files = ordered(copy)
    places = [dcmread(file).ImagePositionPatient for file in files]
    change(files[1], ImagePositionPatient=places[2])
    change(files[2], ImagePositionPatient=places[1])
    moved = [f for f in check(copy).findings if f.attribute == "ImagePositionPatient"]
    assert sorted(f.slices for f in moved) == [(1,), (2,)]


def test_names_of_files_do_not_matter(check: Check, copy: Path) -> None:
    for k, file in enumerate(reversed(ordered(copy))):
        file.rename(copy / f"renamed{k}")
    assert check(copy).verdict == "intact"


def test_other_series_in_the_folder_are_left_out(check: Check, copy: Path, phantom: Scan) -> None:
    other = copy / "other"
    phantom_series(chest((3, 32, 32), (60.0, 11.0, 11.0), seed=9), other)
    for file in other.iterdir():
        change(file, SeriesInstanceUID="1.2.3.77", SOPInstanceUID=f"1.2.3.77.{file.stem[-1]}")
    report = check(copy)
    assert report.verdict == "intact"
    assert "3 file(s) of other series were left out" in report.notes


def test_another_scan_is_told_in_one_line(
    copy: Path, tmp_path: Path, signer: Signer, trust: Trust
) -> None:
    strict = tmp_path / "strict.json"
    write_seal(make_seal(copy, signer, sketch=False), strict)
    for z, file in enumerate(ordered(copy)):
        change(file, SeriesInstanceUID="1.2.3.8", SOPInstanceUID=f"1.2.3.8.{z}")
        flip(file, 3, 3, 1)
    report = verify_seal(copy, strict, trust)
    assert report.verdict == "tampered"
    assert report.findings[0].kind == "missing"
    assert "another scan" in report.findings[0].text


def test_two_slices_of_one_uid_are_refused(copy: Path, signer: Signer) -> None:
    one, two, *_ = ordered(copy)
    change(two, SOPInstanceUID=dcmread(one).SOPInstanceUID)
    with pytest.raises(SealError, match="the same \\*SOP Instance UID\\*"):
        make_seal(copy, signer)


def test_one_slice_is_told_as_one(copy: Path, tmp_path: Path, signer: Signer, trust: Trust) -> None:
    for file in ordered(copy)[1:]:
        file.unlink()
    seal = tmp_path / "one.json"
    write_seal(make_seal(copy, signer, sketch=False), seal)
    assert "The slice is as it was signed" in verify_seal(copy, seal, trust).lines()[0]
