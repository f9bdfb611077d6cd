"""`protect --key` and `verify --key`: exit codes, JSON, the map, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from mitsgan.cli.main import main
from mitsgan.files import Derivation, read_scan, write_scan
from mitsgan.mark import Key, Mark
from mitsgan.perturb import Budget, apply_perturbations
from mitsgan.phantom.chest import chest

NOTE = Derivation("test", "test")


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("keys") / "key"
    Key(bytes(range(32))).save(path)
    return path


@pytest.fixture(scope="module")
def marked(key: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Marked more strongly than a patient's scan: it has few voxels."""
    path = tmp_path_factory.mktemp("marked") / "marked.nii.gz"
    scan = chest((32, 160, 160), (2.5, 1.4, 1.4), seed=4)
    mark = Mark(Key.load(key), "demo", 15.0)
    write_scan(apply_perturbations(scan, [mark], Budget(60)).scan, path, derivation=NOTE)
    return path


def _verify(scan: Path, key: Path, *more: str) -> int:
    return main(["verify", str(scan), "--key", str(key), "--identity", "demo", *more])


def test_intact_is_0_and_told(marked: Path, key: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _verify(marked, key) == 0
    output = capsys.readouterr()
    assert "INTACT" in output.out
    assert Key.load(key).secret.hex() not in output.out + output.err


def test_tampered_is_1_with_boxes_report_and_map(marked: Path, key: Path, tmp_path: Path) -> None:
    scan = read_scan(marked)
    stored = scan.stored.copy()
    stored[8:24, 60:92, 44:76] = -850 - int(scan.intercept[0])
    stored[8:24, 60:92, 44:76] += np.random.default_rng(0).integers(-40, 41, (16, 32, 32))
    changed, report, map_ = tmp_path / "c.nii.gz", tmp_path / "r.json", tmp_path / "m.nii.gz"
    write_scan(scan.with_stored(stored), changed, derivation=NOTE)
    assert _verify(changed, key, "--output", str(report), "--map", str(map_), "--quiet") == 1
    content = json.loads(report.read_text())
    assert content["verdict"] == "tampered"
    (region,) = content["regions"]
    middle = np.add(region["start_voxel"], region["stop_voxel"]) / 2
    assert np.abs(middle - (16, 76, 60)).max() < 8
    np.testing.assert_allclose(
        region["centre_lps_mm"], scan.geometry.to_world(middle - 0.5), atol=1e-6
    )
    image = nib.load(map_)
    probability = np.asarray(image.dataobj).transpose(2, 1, 0)  # type: ignore[attr-defined]
    assert probability.shape == scan.shape
    assert 0 <= probability.min() <= probability.max() <= 1
    assert probability[12:20, 68:84, 52:68].mean() > 10 * np.median(probability)
    assert _verify(changed, key, "--output", str(report), "--quiet") == 2
    assert _verify(changed, key, "--output", str(report), "--quiet", "--overwrite") == 1


def test_another_key_is_3(marked: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = tmp_path / "other"
    Key.generate().save(other)
    assert _verify(marked, other, "--json") == 3
    content = json.loads(capsys.readouterr().out)
    assert content["verdict"] == "unknown"
    assert abs(content["mark"]["z_score"]) < 5


def test_protect_marks_dicom_and_verify_finds_its_identity_again(
    series: Path, protector_options: list[str], key: Path, tmp_path: Path
) -> None:
    """The identity is told by the header: the series UID is new, study and number are not."""
    plain, out, report = tmp_path / "plain", tmp_path / "out", tmp_path / "run.json"
    assert main(["protect", str(series), str(plain), *protector_options, "--quiet"]) == 0
    options = ["--key", str(key), "--output", str(report), "--quiet"]
    assert main(["protect", str(series), str(out), *protector_options, *options]) == 0
    content = json.loads(report.read_text())
    checked = content["mark"]
    assert (checked["rms"], checked["unit"]) == (3.0, "HU")
    assert content["change"]["largest"] <= 10
    secret = Key.load(key).secret
    for file in [report, *out.iterdir()]:
        assert secret not in file.read_bytes()
        assert secret.hex().encode() not in file.read_bytes()
    before, after = tmp_path / "before.json", tmp_path / "after.json"
    main(["verify", str(plain), "--key", str(key), "--output", str(before), "--quiet"])
    main(["verify", str(out), "--key", str(key), "--output", str(after), "--quiet"])
    results = [json.loads(path.read_text()) for path in (before, after)]
    scores = [result["mark"]["z_score"] for result in results]
    assert abs(scores[0]) < 5
    assert checked["verdict"] == results[1]["verdict"], "as the protection itself said"
    assert scores[1] > 20


@pytest.mark.parametrize(
    "options, said",
    [
        (["--false-alarms", "0"], "--false-alarms"),
        (["--map", "map.png"], ".nii.gz"),
        (["--output", "no/such/folder/r.json"], "does not exist"),
    ],
)
def test_what_makes_no_sense_is_2(
    marked: Path, key: Path, options: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _verify(marked, key, *options) == 2
    assert said in capsys.readouterr().err


def test_a_damaged_scan_is_2_and_never_intact(marked: Path, key: Path, tmp_path: Path) -> None:
    content = marked.read_bytes()
    rng = np.random.default_rng(0)
    for number in range(12):
        path = tmp_path / f"{number}.nii.gz"
        damaged = bytearray(content[: int(rng.integers(1, len(content)))])
        damaged[int(rng.integers(len(damaged)))] ^= 1 << int(rng.integers(8))
        path.write_bytes(bytes(damaged))
        assert _verify(path, key, "--quiet") == 2


def test_a_mark_needs_a_key(series: Path, tmp_path: Path) -> None:
    assert main(["protect", str(series), str(tmp_path / "out"), "--mark-hu", "2"]) == 2
    assert not (tmp_path / "out").exists()
