"""`mitsgan train mits-gan-paper` and `tafim`: options, cards, what they measure, refusals."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from mitsgan.cli.main import main
from mitsgan.files import write_scan
from mitsgan.files.derivation import Derivation
from mitsgan.networks import load_weights
from mitsgan.networks.golden import check_golden
from mitsgan.protect import TrainedProtector
from mitsgan.protect.registry import load_protector
from mitsgan.scan.scan import Geometry, Scan

Train = Callable[..., int]


@pytest.fixture(scope="module")
def wide(phantom: Scan, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six slices of the phantom, made 512 x 512."""
    column = np.linspace(0, 95, 512).round().astype(int)
    stored = phantom.stored[9:15][:, column][:, :, column]
    z, y, x = phantom.spacing
    some = slice(9, 15)
    scan = Scan(
        np.ascontiguousarray(stored),
        phantom.slope[some],
        phantom.intercept[some],
        phantom.lowest,
        phantom.highest,
        Geometry((z, y * 96 / 512, x * 96 / 512)),
    )
    path = tmp_path_factory.mktemp("wide") / "wide.nii.gz"
    write_scan(scan, path, derivation=Derivation("a phantom, magnified", "wide"))
    return path


@pytest.fixture
def train(weights: Path, tmp_path: Path) -> Train:
    """Train a tiny baseline to ``tmp_path / "out.safetensors"``."""

    def run(name: str, scan: Path, *options: str) -> int:
        attackers = [str(weights / f"{n}.safetensors") for n in ("injector", "remover")]
        out = ["--output", str(tmp_path / "out.safetensors"), "--width", "2"]
        return main(["train", name, str(scan), "--attackers", *attackers, *out, *options])

    return run


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mits-gan-paper", "tafim"])
def test_trains_a_baseline_and_says_what_it_is_worth(
    name: str, train: Train, wide: Path, series: Path, tmp_path: Path
) -> None:
    length = ("--epochs", "1") if name == "mits-gan-paper" else ("--steps", "2")
    options = (*length, "--seed", "3", "--licence", "MIT", "--validate", str(series), "--quiet")
    assert train(name, wide, *options) == 0
    out = tmp_path / "out.safetensors"
    card = load_weights(out, "protector")[1]
    assert card["config"]["architecture"] == name
    assert card["config"]["width"] == 2
    assert card["config"]["seed"] == card["seed"] == 3
    assert card["licence"] == "MIT"
    assert card["data"] == [{"name": "wide.nii.gz", "slice_spacing_mm": 8.0}]
    assert [a["action"] for a in card["attackers"]] == ["inject", "remove"]
    figures = card["metrics"]["scans"]["chest"]
    assert (
        figures["native"]["perturbation_rms_hu"] > 10 >= figures["clipped"]["perturbation_rms_hu"]
    )
    assert figures["clipped"]["inject"]["protected"]["median"] > 0
    for picture in ("losses.png", "samples.png"):
        assert (tmp_path / "out.run" / picture).read_bytes().startswith(b"\x89PNG")
    assert card["steps"] == (1 if name == "mits-gan-paper" else 2)
    layer = load_protector(name, weights=out)
    assert isinstance(layer, TrainedProtector)
    check_golden(out, type(layer))


@pytest.mark.parametrize("name", ["mits-gan-paper", "tafim"])
def test_refusals(
    name: str, train: Train, series: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(name, series, "--width", "0") == 2
    assert "--width must be 1 or more" in capsys.readouterr().err
    assert train(name, series, "--max-hu", "0") == 2
    assert "--max-hu must be above 0" in capsys.readouterr().err
    assert train(name, tmp_path / "nowhere") == 2
    assert "does not exist" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_the_released_network_wants_slices_of_its_size(
    train: Train, series: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train("mits-gan-paper", series, "--quiet") == 2
    assert "512 x 512 pixels" in capsys.readouterr().err


@pytest.mark.slow
def test_a_longer_run_goes_on_as_if_it_had_been_meant_so(
    train: Train, wide: Path, tmp_path: Path
) -> None:
    once, run = tmp_path / "once", ("--run", str(tmp_path / "parts"), "--quiet")
    assert train("tafim", wide, "--steps", "3", "--run", str(once), "--quiet") == 0
    out = tmp_path / "out.safetensors"
    whole = load_weights(out, "protector")[0]
    assert train("tafim", wide, "--steps", "1", *run, "--overwrite") == 0
    assert train("tafim", wide, "--steps", "3", *run, "--overwrite", "--resume") == 0
    parts, card = load_weights(out, "protector")
    assert card["steps"] == card["config"]["steps"] == 3
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
