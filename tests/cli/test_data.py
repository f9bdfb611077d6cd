"""`mitsgan data`: cubes of scans, fetching, and training that keeps patients apart."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from pydicom import dcmread

from mitsgan.cli.main import main
from mitsgan.files import read_scan
from mitsgan.files.dicom.phantom import phantom_series
from mitsgan.networks import load_weights
from mitsgan.phantom.chest import chest
from mitsgan.training.data import fetch
from mitsgan.training.data.cube_file import read_cubes
from mitsgan.training.data.cubes import volumes

Run = Callable[..., int]
LIST = "seriesuid,coordX,coordY,coordZ,diameter_mm\n"


@pytest.fixture(scope="session")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another patient."""
    folder = tmp_path_factory.mktemp("other") / "second"
    for file in phantom_series(chest((24, 96, 96), (8.0, 3.8, 3.8), seed=8), folder):
        header = dcmread(file)
        header.PatientID = "OTHER"
        header.save_as(file)
    return folder


@pytest.fixture
def cubes(series: Path, tmp_path: Path) -> Run:
    """Make six cubes of the phantom as ``tmp_path / "cubes.npz"``."""

    def run(*options: str) -> int:
        return main(
            [
                *("data", "cubes", str(series), "-o", str(tmp_path / "cubes.npz")),
                *("--count", "6", "--thicknesses", "8", *options),
            ]
        )

    return run


def test_cubes_of_a_scan(
    cubes: Run, series: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cubes("--seed", "3", "--kinds", "solid") == 0
    output = capsys.readouterr()
    assert "6 cubes to inject (6 solid) of 1 patient, to train on" in output.out
    assert f"reading {series}" in output.err
    file = read_cubes(tmp_path / "cubes.npz")
    assert file.kinds == ("solid",) * 6
    assert file.about["seed"] == 3
    text = (tmp_path / "cubes.npz").read_bytes()
    assert b"chest" not in text
    assert cubes() == 2
    assert "give --overwrite" in capsys.readouterr().err
    assert cubes("--seed", "3", "--kinds", "solid", "--overwrite", "--quiet") == 0
    again = read_cubes(tmp_path / "cubes.npz")
    assert (again.cubes == file.cubes).all()
    assert again.origins == file.origins


def listed(folder: Path, text: str) -> str:
    path = folder / "nodules.csv"
    path.write_text(text)
    return str(path)


def test_real_nodules(
    cubes: Run, series: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scan = read_scan(series)
    position = volumes([scan], ())[0].position(np.random.default_rng(0))
    x, y, z = scan.geometry.to_world(position)
    path = listed(tmp_path, f"{LIST}chest,{x},{y},{z},12\nchest,{x},{y},{z},25\n")
    assert cubes("--nodules", path) == 0
    assert "2 listed nodules, 1 of 10 to 16 mm used" in capsys.readouterr().err
    assert read_cubes(tmp_path / "cubes.npz").kinds == ("real",) * 6
    assert cubes("--nodules", path, "--action", "remove", "--overwrite") == 0
    assert "kept clear of" in capsys.readouterr().err
    options = ("--nodules", path, "--diameters", "1", "2", "--overwrite")
    assert cubes(*options) == 0
    assert "synthetic ones instead" in capsys.readouterr().err
    assert cubes(*options, "--real-only") == 2
    assert "no scan has a real nodule of that size" in capsys.readouterr().err


@pytest.mark.parametrize(
    "text, said",
    [
        ("uid,x,y,z\n", "no column seriesuid, coordX"),
        (f"{LIST}chest,9999,0,0,12\n", "lies outside the scan"),
        (f"{LIST}1.2.3,0,0,0,12\n", "none of them is named"),
    ],
)
def test_lists_that_do_not_fit(
    cubes: Run, tmp_path: Path, text: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cubes("--nodules", listed(tmp_path, text)) == 2
    assert said in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["nodules.csv"]


@pytest.mark.parametrize(
    "options, said",
    [
        (["--count", "0"], "--count must be 1 or more"),
        (["--output", "a.npy"], "cubes are named *.npz"),
        (["--output", "no/such/a.npz"], "no/such does not exist"),
        (["--diameters", "16", "10"], "--diameters 16 10"),
        (["--synthetic-diameters", "2", "10"], "within 3 and 30 mm"),
        (["--shift", "7"], "6 mm at most"),
        (["--real-only"], "name the list of real nodules"),
        (["--nodules", "nowhere.csv"], "nowhere.csv does not exist"),
        (["--apart-from", "nowhere.npz"], "nowhere.npz does not exist"),
    ],
)
def test_refusals(
    cubes: Run, options: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cubes(*options) == 2
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_no_scan_and_no_lung(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "cubes", "nowhere", "-o", str(tmp_path / "a.npz")]) == 2
    assert "nowhere does not exist" in capsys.readouterr().err
    voxels = np.full((40, 40, 40), -1000, np.int16)
    voxels[5:35, 5:35, 5:35] = 20
    voxels[18:22, 18:22, 18:22] = 700
    water = sitk.GetImageFromArray(voxels)
    water.SetSpacing((2.0, 2.0, 2.0))
    sitk.WriteImage(water, str(tmp_path / "water.mha"))
    arguments = ["data", "cubes", str(tmp_path / "water.mha"), "-o", str(tmp_path / "a.npz")]
    assert main([*arguments, "--count", "2"]) == 2
    assert "found no lung" in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["water.mha"]


def test_an_interrupt_leaves_nothing(
    cubes: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("numpy.savez_compressed", interrupt)
    assert cubes("--quiet") == 130
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_patients_are_kept_apart(
    cubes: Run, series: Path, other: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cubes("--quiet") == 0
    train = tmp_path / "cubes.npz"
    second = [
        *("data", "cubes", "-o", str(tmp_path / "v.npz"), "--count", "4", "--thicknesses", "8"),
        *("--apart-from", str(train), "--quiet"),
    ]
    assert main([*second, str(series), "--split", "validate"]) == 2
    assert "are of one patient and on both sides" in capsys.readouterr().err
    assert main([*second, str(other)]) == 2
    assert "for --split train too" in capsys.readouterr().err
    assert main([*second, str(other), "--split", "validate"]) == 0


@pytest.fixture
def attacker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Train a tiny injector on what is named."""
    monkeypatch.setattr("mitsgan.training.attacker.TABLE_CUBES", 8)

    def run(*data: str) -> int:
        return main(
            [
                *("train", "attacker", *data, "--output", str(tmp_path / "a.safetensors")),
                *("--action", "inject", "--width", "2", "--batch", "2", "--steps", "3", "--quiet"),
            ]
        )

    return run


@pytest.mark.slow
def test_trains_on_cubes(
    attacker: Run, cubes: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cubes("--quiet") == 0
    path = tmp_path / "cubes.npz"
    assert attacker(str(path)) == 0
    (entry,) = load_weights(tmp_path / "a.safetensors", "attacker")[1]["data"]
    assert entry["name"] == "cubes.npz"
    assert entry["patients"] == 1
    assert sum(entry["cubes"].values()) == 6
    assert cubes("--quiet", "--action", "remove", "--overwrite") == 0
    for written in tmp_path.glob("a.*safetensors"):
        written.unlink()
    assert attacker(str(path), "--run", str(tmp_path / "run2")) == 2
    assert "holds cubes to remove" in capsys.readouterr().err


def test_refuses_to_validate_on_patients_it_trains_on(
    attacker: Run,
    cubes: Run,
    series: Path,
    other: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    alias = tmp_path / "another-name"
    alias.mkdir()
    for file in series.iterdir():
        os.link(file, alias / file.name)
    assert attacker(str(series), "--validate", str(alias)) == 2
    assert "chest and another-name are of one patient" in capsys.readouterr().err
    assert cubes("--quiet") == 0
    path = str(tmp_path / "cubes.npz")
    assert attacker(path, "--validate", str(series)) == 2
    assert "are of one patient" in capsys.readouterr().err
    assert attacker(str(other), "--validate", path) == 2
    assert "was made with --split train, and this is to validate on" in capsys.readouterr().err
    assert not (tmp_path / "a.safetensors").exists()


def test_protectors_need_scans(
    tmp_path: Path, cubes: Run, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cubes("--quiet") == 0
    arguments = [
        *("train", "protector", str(tmp_path / "cubes.npz"), "--steps", "1"),
        *("--attackers", str(weights / "injector.safetensors")),
        *("--output", str(tmp_path / "p.safetensors")),
    ]
    assert main(arguments) == 2
    assert "whole scans are needed here" in capsys.readouterr().err


class Rows:
    def to_dict(self, orient: str) -> list[dict[str, object]]:
        row = {
            "PatientID": "P-1",
            "SeriesInstanceUID": "1.2.3",
            "instanceCount": 1,
            "series_size_MB": 2.0,
            "license_short_name": "CC BY 3.0",
            "source_DOI": "10.1/x",
        }
        return [row]


class Played:
    def sql_query(self, sql_query: str) -> Rows:
        return Rows()

    def download_from_selection(self, downloadDir: str, **options: object) -> None:  # noqa: N803
        (Path(downloadDir) / "0.dcm").write_bytes(b"x")


def test_fetches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(fetch, "idc_client", Played)
    monkeypatch.setattr(fetch.fetch, "__kwdefaults__", {"check": lambda: None})
    arguments = ["data", "fetch", "lidc", "--patients", "1", "-o", str(tmp_path / "lidc")]
    assert main(arguments) == 0
    output = capsys.readouterr()
    assert "1 series fetched, 0 were there" in output.out
    assert "licence: CC BY 3.0" in output.err
    assert "10.7937/K9/TCIA.2015.LO9QL9SX" in output.err
    assert (tmp_path / "lidc" / "P-1" / "1.2.3" / "0.dcm").exists()
    assert main(arguments) == 0
    assert "0 series fetched, 1 were there" in capsys.readouterr().out
    assert main([*arguments[:-1], __file__]) == 2
    assert "is a file; name a folder" in capsys.readouterr().err
    assert main([*arguments, "--patients", "0"]) == 2
    assert "--patients must be 1 or more" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["cubes", "fetch"])
def test_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["data", command, "--help"])
    output = capsys.readouterr().out
    assert "--output" in output
    assert ("LUNA16" in output) == (command == "cubes")
