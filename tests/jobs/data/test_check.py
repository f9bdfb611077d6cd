"""What is wrong with a folder of scans is told before a training, scan by scan."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread

import mitsgan as mg
from mitsgan.cli.main import main
from mitsgan.files.dicom.phantom import phantom_series
from mitsgan.jobs.data.check import check_data
from mitsgan.jobs.data.result import CheckResult
from mitsgan.jobs.data.settings import CheckSettings
from mitsgan.phantom.chest import chest


@pytest.fixture
def train(tmp_path: Path, small_chest: mg.Scan) -> Path:
    """One scan that can be trained on."""
    (tmp_path / "train").mkdir()
    mg.write(small_chest, tmp_path / "train" / "good.nii.gz")
    return tmp_path / "train"


def faults_of(folder: Path, validate: Path | None = None) -> dict[str, str]:
    result = check_data(CheckSettings(folder=folder, validate=validate))
    assert result.faulty == sum(bool(scan.faults) for scan in result.scans)
    return {f"{scan.split}/{scan.name}": " ".join(scan.faults) for scan in result.scans}


def test_a_good_scan_has_no_fault(train: Path, small_chest: mg.Scan) -> None:
    result = check_data(CheckSettings(folder=train))
    (scan,) = result.scans
    assert scan.faults == ()
    assert scan.shape == small_chest.shape
    assert scan.spacing_mm == pytest.approx(small_chest.spacing)
    assert (result.patients, result.faulty) == (1, 0)
    assert any("6.0 mm apart" in note for note in scan.notes)
    assert CheckResult.from_json(result.to_json()) == result


def test_what_is_no_ct_in_hu_is_told(train: Path, small_chest: mg.Scan) -> None:
    normalised = mg.Scan.from_hu(small_chest.hu() / 2000, small_chest.spacing, plausible=False)
    mg.write(normalised, train / "normalised.nii.gz")
    (train / "broken.nrrd").write_bytes(b"NRRD0004\nhalf")
    faults = faults_of(train)
    assert faults["train/good.nii.gz"] == ""
    assert "normalised image" in faults["train/normalised.nii.gz"]
    assert "broken.nrrd" in faults["train/broken.nrrd"]


def test_a_scan_without_room_for_a_cube_is_told(train: Path, small_chest: mg.Scan) -> None:
    mg.write(mg.Scan.from_hu(small_chest.hu()[:4], small_chest.spacing), train / "thin.nii.gz")
    solid = np.clip(small_chest.hu(), -50, 60) + np.linspace(-900, 0, 64)[None, None]
    mg.write(mg.Scan.from_hu(np.where(solid < -400, -1000, 20), (6, 5.6, 5.6)), train / "b.nii.gz")
    faults = faults_of(train)
    assert "no cube of 32 mm" in faults["train/thin.nii.gz"]
    assert "no cube of 32 mm" in faults["train/b.nii.gz"]


def test_a_copy_is_told_whatever_it_is_called(train: Path) -> None:
    mg.write(mg.read(train / "good.nii.gz"), train / "other.mha")
    faults = faults_of(train)
    assert faults["train/good.nii.gz"] == ""
    assert "the same voxels as train: good.nii.gz" in faults["train/other.mha"]


def test_a_patient_on_both_sides_is_told(train: Path, tmp_path: Path) -> None:
    for seed, folder in ((1, train), (2, tmp_path / "validate")):
        scan = chest((32, 64, 64), (6.0, 5.6, 5.6), seed=seed)
        for file in phantom_series(scan, folder / f"ct-{seed}"):
            header = dcmread(file)
            header.PatientID = "one and the same"
            header.save_as(file)
    faults = faults_of(train, tmp_path / "validate")
    both = {name for name, text in faults.items() if "both sides" in text}
    assert both == {"train/ct-1", "validate/ct-2"}


def test_a_scan_copied_to_the_other_side_is_told(train: Path, tmp_path: Path) -> None:
    (tmp_path / "validate").mkdir()
    shutil.copy(train / "good.nii.gz", tmp_path / "validate" / "renamed.nii.gz")
    faults = faults_of(train, tmp_path / "validate")
    assert "same voxels as train: good.nii.gz" in faults["validate/renamed.nii.gz"]


def test_the_command_ends_with_one_where_something_is_wrong(
    train: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "check.json"
    assert main(["data", "check", str(train), "--output", str(report)]) == 0
    assert "1 scan of 1 patient, 0 with faults" in capsys.readouterr().out
    assert CheckResult.read(report).faulty == 0
    (train / "broken.nrrd").write_bytes(b"NRRD0004\nhalf")
    assert main(["data", "check", str(train)]) == 1
    output = capsys.readouterr().out
    assert "train: broken.nrrd: " in output
    assert "2 scans of 1 patient, 1 with faults" in output
    assert main(["data", "check", str(train), "--validate", str(tmp_path / "nowhere")]) == 2
    assert "nowhere is no folder; name one that scans lie below" in capsys.readouterr().err
