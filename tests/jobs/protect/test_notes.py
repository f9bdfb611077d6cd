"""What a summary says of a scan whose protection is worth less, or more visible, than usual."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import mitsgan as mg
from mitsgan.errors import SettingsError
from mitsgan.files import history, read_scan
from mitsgan.files.history import earlier_protection, stated_budget_hu
from mitsgan.jobs.protect.file import protect_file
from mitsgan.jobs.protect.notes import protection_notes
from mitsgan.jobs.protect.settings import ProtectFile
from mitsgan.perturb import Budget
from mitsgan.phantom.chest import chest

USUAL = Budget(10.0)


def notes_of(scan: mg.Scan, budget: Budget = USUAL) -> list[str]:
    return list(protection_notes(scan, budget, 1.0))


@pytest.fixture(scope="module")
def fine() -> mg.Scan:
    """A chest with pixels of 1.9 mm."""
    return chest((24, 192, 192), (8.0, 1.9, 1.9), seed=3)


def test_nothing_is_said_of_a_usual_chest(fine: mg.Scan) -> None:
    assert notes_of(fine) == []


def test_coarse_pixels(fine: mg.Scan) -> None:
    z, _, x = fine.spacing
    coarse = replace(fine, geometry=replace(fine.geometry, spacing=(z, 2.5, x)))
    (note,) = notes_of(coarse)
    assert note.startswith("pixels of 2.5 mm are coarser than 2 mm")
    assert "RMS 1.00 HU" in note


def test_no_lung(fine: mg.Scan) -> None:
    solid = fine.with_stored(np.full_like(fine.stored, fine.stored[12, 96, 96]))
    (note,) = notes_of(solid)
    assert note.startswith("no lung was found")


def test_a_visible_budget(fine: mg.Scan) -> None:
    (note,) = notes_of(fine, Budget(60.0))
    assert note == "a budget of 60 HU is beyond 50 HU: readers see it"
    with pytest.raises(SettingsError, match="`yes_visible=True`"):
        ProtectFile(scan=Path("a"), out=Path("b"), max_hu=60)
    assert ProtectFile(scan=Path("a"), out=Path("b"), max_hu=60, yes_visible=True).max_hu == 60
    assert ProtectFile(scan=Path("a"), out=Path("b"), max_hu=50).max_hu == 50


@pytest.mark.parametrize("name", ["series", "scan.nii.gz", "scan.mha", "scan.nrrd"])
def test_protected_twice(series: Path, tmp_path: Path, name: str) -> None:
    source = series
    if name != "series":
        mg.write(read_scan(series), source := tmp_path / name)
    assert earlier_protection(read_scan(source)) is None
    once, twice = (tmp_path / f"{n}-{name}" for n in ("once", "twice"))
    first = protect_file(ProtectFile(scan=source, out=once, protector="offset"))
    assert not any("before" in note for note in first.notes)
    second = protect_file(ProtectFile(scan=once, out=twice, protector="mits-gan"))
    # A control is no protection, and nobody is warned of one.
    assert not any("before" in note for note in second.notes)
    third = protect_file(ProtectFile(scan=twice, out=tmp_path / f"3-{name}", protector="mits-gan"))
    (note,) = [note for note in third.notes if "before" in note]
    assert note.startswith("the scan was protected before (MITS-GAN protection against tampering")


def test_one_slice_out_of_a_folder(series: Path, tmp_path: Path) -> None:
    one = sorted(series.iterdir())[5]
    (note,) = [note for note in read_scan(one).notes if "one slice" in note]
    assert note.startswith(f"{one.name} is one slice of its series, of which 23 more lie beside it")
    alone = tmp_path / "alone.dcm"
    alone.write_bytes(one.read_bytes())
    assert not any("one slice" in note for note in read_scan(alone).notes)


def test_a_scan_from_an_array_has_no_history(fine: mg.Scan) -> None:
    assert earlier_protection(fine) is None


@pytest.mark.parametrize("name", ["series", "scan.nii.gz", "scan.mha", "scan.nrrd"])
def test_the_file_states_the_budget_of_what_was_done_last(
    series: Path, tmp_path: Path, name: str
) -> None:
    source = series
    if name != "series":
        mg.write(read_scan(series), source := tmp_path / name)
    assert stated_budget_hu(read_scan(source)) is None
    once, twice = (tmp_path / f"{n}-{name}" for n in ("once", "twice"))
    protect_file(ProtectFile(scan=source, out=once, protector="noise", max_hu=7.5))
    assert stated_budget_hu(read_scan(once)) == 7.5
    half = ProtectFile(scan=once, out=twice, protector="noise", max_hu=12, noise_fraction=0.5)
    protect_file(half)
    assert stated_budget_hu(read_scan(twice)) == 12


@pytest.mark.parametrize(
    "stated", ["", "0 HU", "-3 HU", "nan HU", "1e400 HU", "9999999 HU", "5 mm"]
)
def test_what_states_no_budget_is_taken_for_none(
    fine: mg.Scan, monkeypatch: pytest.MonkeyPatch, stated: str
) -> None:
    monkeypatch.setattr(history, "last_change", lambda _: f"every voxel within {stated} of it")
    assert stated_budget_hu(fine) is None
