"""What was sealed and is no more, or is shown apart: said, whatever the verdict."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydicom import dcmread
from tests.seal.sealed_series import DEPTH, Check, change, ordered

from mitsgan.seal.format import write_seal
from mitsgan.seal.report import SealReport
from mitsgan.seal.seal import make_seal
from mitsgan.seal.signature import Signer
from mitsgan.seal.trust import Trust
from mitsgan.seal.verify import verify_seal

_OVERLAY = 0x60003000


def test_slices_that_are_not_there_are_named_by_number(check: Check, copy: Path) -> None:
    """Processing does not explain them."""
    for file in ordered(copy)[2:4]:
        file.unlink()
    report = check(copy)
    assert report.verdict == "processed"
    assert f"  not there, of {DEPTH} sealed slices: 2-3" in report.lines()
    assert not any("explained" in line for line in report.lines())


@pytest.mark.parametrize("gone, named", [((1, 3, 4), "1, 3-4"), ((1, 3, 5), "1, 3, 5")])
def test_a_thinned_series_is_judged_by_the_slices_that_are_left(
    check: Check, copy: Path, gone: tuple[int, ...], named: str
) -> None:
    files = ordered(copy)
    for z in gone:
        files[z].unlink()
    report = check(copy)
    assert report.verdict == "processed"
    assert f"  not there, of {DEPTH} sealed slices: {named}" in report.lines()
    ds = dcmread(files[2])
    pixels = ds.pixel_array.copy()
    pixels[60:75, 60:75] += 600
    ds.PixelData = pixels.tobytes()
    ds.save_as(files[2])
    assert check(copy).verdict == "tampered"


def test_slices_moved_to_another_series_are_told(check: Check, copy: Path) -> None:
    """A viewer shows the scan without them."""
    for file in ordered(copy)[2:4]:
        change(file, SeriesInstanceUID="1.2.3.8")
    report = check(copy)
    assert report.verdict == "processed"
    assert any(note.startswith("2 of its slices have another") for note in report.notes)
    for file in ordered(copy):
        change(file, SeriesInstanceUID="1.2.3.8")
    assert not check(copy).notes, "all of them under a new UID is what an anonymiser does"


@pytest.fixture
def drawn_on(copy: Path, signer: Signer, trust: Trust, tmp_path: Path) -> Check:
    """Seals the copy with overlays over half its slices, each another one."""
    for z, file in enumerate(ordered(copy)[:3]):
        ds = dcmread(file)
        ds.add_new(_OVERLAY, "OW", bytes([z + 1]) * 32)
        ds.save_as(file)
    write_seal(make_seal(copy, signer), tmp_path / "drawn.json")

    def check(folder: Path) -> SealReport:
        return verify_seal(folder, tmp_path / "drawn.json", trust)

    return check


def without_overlay(file: Path) -> None:
    ds = dcmread(file)
    del ds[_OVERLAY]
    ds.save_as(file)


def test_an_anonymiser_takes_out_all_overlays(drawn_on: Check, copy: Path) -> None:
    for file in ordered(copy)[:3]:
        without_overlay(file)
    report = drawn_on(copy)
    assert report.verdict == "processed"
    assert any(line.endswith("*Overlay Planes* taken out (3 slices)") for line in report.lines())


def test_an_anonymiser_renews_all_uids(check: Check, copy: Path) -> None:
    for file in ordered(copy):
        change(file, StudyInstanceUID="1.2.3", SeriesInstanceUID="1.2.4", PatientID="")
    assert check(copy).verdict == "tampered", "the same objects in another study"
    for z, file in enumerate(ordered(copy)):
        change(file, SOPInstanceUID=f"1.2.3.{z + 1}")
    assert check(copy).verdict == "processed"


def test_an_overlay_that_one_slice_lost_is_an_edit(drawn_on: Check, copy: Path) -> None:
    without_overlay(ordered(copy)[1])
    assert drawn_on(copy).verdict == "tampered"
    for z in (0, 2):
        without_overlay(ordered(copy)[z])
    ds = dcmread(ordered(copy)[4])
    ds.add_new(_OVERLAY, "OW", b"\1" * 32)
    ds.save_as(ordered(copy)[4])
    assert drawn_on(copy).verdict == "tampered", "one that was added beside"
