"""`mitsgan protect` of good input: what is written, and what is said of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import dcmread

from mitsgan import __version__
from mitsgan.cli.protect import Protect
from mitsgan.files import read_scan
from mitsgan.mark import Key
from mitsgan.mark.embed import STRENGTH_HU
from mitsgan.perturb import Budget
from mitsgan.protect import MitsGan
from mitsgan.scan.scan import Scan

Run = Callable[..., int]


def hashes(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted(folder.iterdir())}


def test_protects_a_series(
    protect: Run, series: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert protect() == 0
    before, after = read_scan(series), read_scan(tmp_path / "out")
    moved = after.hu() - before.hu()
    assert 5 < np.abs(moved).max() <= 10
    assert (moved[before.is_padding()] == 0).all()
    assert after.geometry == before.geometry
    assert sorted(hashes(tmp_path / "out")) == sorted(hashes(series))
    output = capsys.readouterr()
    inside = moved[~before.is_padding()]
    _, note = output.out.splitlines()
    assert note.startswith("note: pixels of 3.8 mm are coarser than 2 mm")
    assert str(tmp_path / "out") in output.out
    assert f"largest change {np.abs(moved).max():g} HU" in output.out
    assert f"RMS {np.sqrt((inside**2).mean()):.2f} HU" in output.out
    assert "reading" in output.err
    assert "\x1b" not in output.err


def test_the_budget_is_kept(protect: Run, series: Path, tmp_path: Path) -> None:
    assert protect("--max-hu", "3") == 0
    moved = read_scan(tmp_path / "out").hu() - read_scan(series).hu()
    assert np.abs(moved).max() == 3


def test_a_budget_that_follows_the_noise_is_kept_and_told(
    protect: Run, series: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "run.json"
    options = ("--max-hu", "30", "--noise-fraction", "0.5", "--output", str(path))
    assert protect(*options) == 0
    before = read_scan(series)
    moved = np.abs(read_scan(tmp_path / "out").hu() - before.hu())
    assert (moved <= Budget(30, 0.5).limits(before)).all()
    assert moved.max() > 10
    assert "budget 30 HU and 0.5 of the local noise" in capsys.readouterr().out
    assert json.loads(path.read_text())["budget"]["noise_fraction"] == 0.5
    header = dcmread(sorted((tmp_path / "out").iterdir())[0])
    assert "within 30 HU and 0.5 of the local noise" in header.DerivationDescription


def test_a_mark_has_its_room_in_a_budget_that_follows_the_noise(
    protect: Run, series: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Key(bytes(range(32))).save(tmp_path / "key")
    budget = ("--max-hu", "30", "--noise-fraction", "0.1")
    assert protect("--key", str(tmp_path / "key"), *budget) == 0
    assert "budget 30 HU and 0.1 of the local noise, 4.5 HU at least" in capsys.readouterr().out
    before = read_scan(series)
    moved = np.abs(read_scan(tmp_path / "out").hu() - before.hu())
    assert (moved <= Budget(30, 0.1, 4.5).limits(before)).all()
    assert (moved > Budget(30, 0.1).limits(before)).any()


def test_quiet_says_nothing(protect: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert protect("--quiet") == 0
    assert capsys.readouterr() == ("", "")


def test_the_same_seed_gives_the_same_bytes(protect: Run, tmp_path: Path) -> None:
    for name, seed in (("a", "4"), ("b", "4"), ("c", "5")):
        assert protect("--seed", seed, out=tmp_path / name) == 0
    a, b, c = (hashes(tmp_path / name) for name in "abc")
    assert a == b
    assert a != c
    uids = [dcmread(sorted((tmp_path / n).iterdir())[0]).SOPInstanceUID for n in "ac"]
    assert uids[0] != uids[1], "another result must be another object"


def test_voxels_that_a_processor_rounds_differently_are_another_object(
    protect: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert protect(out=tmp_path / "here") == 0
    plain = MitsGan.perturbation

    def rounded(
        layer: MitsGan, scan: Scan, start: int, stop: int, budget: Budget
    ) -> NDArray[np.float32]:
        moved = plain(layer, scan, start, stop, budget)
        if start == 0:
            moved[0, 48, 48] += np.float32(1 if moved[0, 48, 48] < 0 else -1)
        return moved

    monkeypatch.setattr(MitsGan, "perturbation", rounded)
    assert protect(out=tmp_path / "elsewhere") == 0
    here, elsewhere = (
        {dcmread(file).SOPInstanceUID for file in (tmp_path / name).iterdir()}
        for name in ("here", "elsewhere")
    )
    assert not here & elsewhere


def test_the_header_names_method_and_budget(protect: Run, tmp_path: Path) -> None:
    assert protect("--max-hu", "7") == 0
    header = dcmread(sorted((tmp_path / "out").iterdir())[0])
    assert "within 7 HU" in header.DerivationDescription
    assert header.ImageType[0] == "DERIVED"


def test_image_in_image_out(protect: Run, series: Path, tmp_path: Path) -> None:
    image, out = tmp_path / "scan.nii.gz", tmp_path / "protected.mha"
    assert protect(out=image) == 0
    assert protect(source=image, out=out) == 0
    moved = read_scan(out).hu() - read_scan(image).hu()
    assert 0 < np.abs(moved).max() <= 10


def test_report(protect: Run, series: Path, weights: Path, tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    assert protect("--output", str(path), "--seed", "2") == 0
    report = json.loads(path.read_text())
    before, after = read_scan(series), read_scan(tmp_path / "out")
    moved = (after.hu() - before.hu())[~before.is_padding()]
    assert report["schema"] == 1
    assert report["version"] == __version__
    assert report["source"] == str(series)
    assert report["output"] == str(tmp_path / "out")
    card = MitsGan.load(weights / "mitsgan.safetensors").card
    assert report["weights"] == {"name": "mitsgan", "sha256": card["sha256"]}
    assert report["seed"] == 2
    assert report["budget"] == {
        "max": 10.0,
        "unit": "HU",
        "noise_fraction": None,
        "least_hu": 0.0,
    }
    assert report["scan"]["shape"] == [24, 96, 96]
    assert report["scan"]["spacing_mm"] == [8.0, 3.8, 3.8]
    assert report["scan"]["voxels"] == moved.size
    assert report["scan"]["padding_voxels"] == before.is_padding().sum() > 0
    assert report["change"]["largest"] == np.abs(moved).max()
    assert report["change"]["rms"] == pytest.approx(np.sqrt((moved**2).mean()), rel=1e-5)
    assert set(report["seconds"]) == {"start", "read", "protect", "write"}
    assert report["device"] == "cpu"
    assert report["precision"] in {"float32", "bfloat16"}


def test_overwrite_replaces_result_and_report(protect: Run, tmp_path: Path) -> None:
    report = ("--output", str(tmp_path / "run.json"))
    assert protect(*report) == 0
    assert protect(*report, "--seed", "1", "--overwrite") == 0
    assert json.loads((tmp_path / "run.json").read_text())["seed"] == 1


def test_the_mark_is_as_strong_as_the_library_has_it() -> None:
    """It is written twice, so that protecting without a mark need not load it."""
    assert Protect.mark_hu == STRENGTH_HU
