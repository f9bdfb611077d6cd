"""`mitsgan train`: options that match the library's, cards, resumption, refusals."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import mitsgan as mg
from mitsgan import __version__
from mitsgan.attack import TrainedAttacker
from mitsgan.cli.main import main
from mitsgan.cli.train.train import TRAININGS
from mitsgan.networks import load_weights, shipped
from mitsgan.networks.classifier import NoduleClassifier
from mitsgan.networks.detector import TamperingDetector
from mitsgan.protect import MitsGan

PNG = b"\x89PNG\r\n\x1a\n"
Run = Callable[..., int]


@pytest.mark.parametrize("name", TRAININGS)
def test_help_loads_no_torch(name: str) -> None:
    code = f"""
import sys
from mitsgan.cli.main import main
from mitsgan.cli.train.train import TRAININGS
try:
    main(["train", "{name}", "--help"])
except SystemExit as end:
    assert end.code == 0
assert "torch" not in sys.modules
"""
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "--licence TEXT" in shown.stdout
    assert "Optimiser steps" in shown.stdout or "Passes over" in shown.stdout


@pytest.fixture
def attacker(series: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Train a tiny injector to ``tmp_path / "injector.safetensors"``."""
    monkeypatch.setattr("mitsgan.training.attacker.TABLE_CUBES", 8)

    def run(*options: str) -> int:
        return main(
            [
                *("train", "attacker", str(series), "--action", "inject"),
                *("--output", str(tmp_path / "injector.safetensors"), "--width", "2"),
                *("--batch", "2", *options),
            ]
        )

    return run


@pytest.mark.slow
def test_trains_an_attacker(
    attacker: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert attacker("--steps", "2", "--seed", "5", "--licence", "MIT") == 0
    out, folder = tmp_path / "injector.safetensors", tmp_path / "injector.run"
    card = load_weights(out, "attacker")[1]
    assert card["config"]["action"] == "inject"
    assert card["config"]["steps"] == 2
    assert card["licence"] == "MIT"
    assert card["data"] == [{"name": "chest", "slice_spacing_mm": 8.0}]
    assert card["seed"] == 5
    assert card["version"] == __version__
    assert TrainedAttacker.load(out).action == "inject"
    for picture in ("losses.png", "samples.png"):
        assert (folder / picture).read_bytes().startswith(PNG)
    output = capsys.readouterr()
    assert str(out) in output.out
    assert "training: discriminator " in output.err
    assert attacker("--steps", "2", "--overwrite") == 2
    assert "give --resume" in capsys.readouterr().err
    same = ("--steps", "2", "--seed", "5", "--resume", "--overwrite", "--quiet")
    assert attacker(*same, "--licence", "other") == 0  # plays no part in the course
    assert load_weights(out, "attacker")[1]["licence"] == "other"
    assert attacker("--steps", "2", "--seed", "4", *same[-3:]) == 2
    assert "holds a run with seed = 5, found 4" in capsys.readouterr().err


@pytest.mark.slow
def test_an_attacker_is_judged_on_unseen_scans_as_it_is_stored(
    attacker: Run, phantom_image: Path, tmp_path: Path
) -> None:
    options = ("--steps", "1", "--validate", str(phantom_image), "--quiet", "--held-out")
    assert attacker(*options, "--precision", "int8", "--architecture", "ct-gan") == 0
    card = load_weights(tmp_path / "injector.safetensors", "attacker")[1]
    assert card["name"] == "injector"
    assert card["precision"] == "int8"
    assert card["held_out"] is True
    assert card["losses"]["l1"] > 0
    judged = card["metrics"]["classifier"]
    assert judged["positions"] == 64
    assert 0 <= judged["nodule_before"] <= 1
    assert card["metrics"]["scans"] == [{"name": "unseen.nii.gz", "slice_spacing_mm": 8.0}]


def test_no_protector_is_trained_against_one_held_out(
    attacker: Run, series: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert attacker("--steps", "1", "--quiet", "--held-out") == 0
    arguments = ("train", "protector", str(series), "--output", str(tmp_path / "p.safetensors"))
    assert main([*arguments, "--attackers", str(tmp_path / "injector.safetensors")]) == 2
    assert "held out of all training" in capsys.readouterr().err
    assert not (tmp_path / "p.safetensors").exists()


def test_a_residual_attacker_has_a_width_of_its_own(
    attacker: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert attacker("--architecture", "residual") == 2  # of width 2
    assert "a multiple of 8" in capsys.readouterr().err
    options = ("--architecture", "residual", "--width", "8", "--steps", "1", "--quiet")
    assert attacker(*options) == 0
    loaded = TrainedAttacker.load(tmp_path / "injector.safetensors")
    assert type(loaded.network).__name__ == "ResidualInpainter"


@pytest.mark.slow
def test_trains_a_diffusion_attacker_of_either_action(
    series: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("mitsgan.training.attacker.TABLE_CUBES", 8)
    remover, injector = (tmp_path / f"{name}.safetensors" for name in ("remover", "injector"))
    command = ["train", "diffusion", str(series), "--steps", "1", "--batch", "2", "--quiet"]
    tiny = ["--width", "4", "--sharpness", "0"]
    assert main([*command, *tiny, "--action", "remove", "--output", str(remover)]) == 0
    card = TrainedAttacker.load(remover).card
    assert (card["config"]["architecture"], card["config"]["width"]) == ("diffusion", 4)
    onwards = [*command, "--action", "inject", "--output", str(injector)]
    assert main([*onwards, "--init", str(remover), "--held-out"]) == 0
    loaded = TrainedAttacker.load(injector)
    assert loaded.network.width == 4
    assert (loaded.action, loaded.card["held_out"]) == ("inject", True)
    assert loaded.card["init"]["sha256"] == card["sha256"]
    capsys.readouterr()
    gan = ["train", "attacker", str(series), "--action", "remove", "--init", str(remover)]
    assert main([*gan, "--output", str(tmp_path / "gan.safetensors")]) == 2
    assert "weights of a diffusion attacker" in capsys.readouterr().err


@pytest.mark.slow
def test_trains_a_classifier(series: Path, phantom_image: Path, tmp_path: Path) -> None:
    out = tmp_path / "mine.safetensors"
    arguments = ["train", "classifier", str(series), "--output", str(out), "--width", "2"]
    options = ["--steps", "2", "--batch", "4", "--validate", str(phantom_image), "--quiet"]
    assert main([*arguments, *options]) == 0
    card = load_weights(out, "classifier")[1]
    assert card["config"]["largest_mm"] == 20
    assert {"sensitivity", "specificity", "specificity_dense"} <= set(card["metrics"])
    assert NoduleClassifier.load(out).threshold == 0.5
    assert main([*arguments, "--smallest-mm", "30", "--overwrite", "--run", str(tmp_path)]) == 2


@pytest.mark.slow
def test_trains_a_detector_against_attackers_that_are_not_held_out(
    series: Path, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "mine.safetensors"
    attackers = [weights / "injector.safetensors", weights / "remover.safetensors"]
    arguments = ["train", "detector", str(series), "--output", str(out), "--width", "2", "--quiet"]
    options = ["--steps", "2", "--volumes", "1", "--strikes", "1", "--patches", "1"]
    assert main([*arguments, *options, "--attackers", *map(str, attackers)]) == 0
    card = TamperingDetector.load(out).card
    assert [one["action"] for one in card["attackers"]] == ["inject", "remove"]
    assert card["config"]["steps"] == 2
    capsys.readouterr()
    held_out = str(shipped("injector-residual"))
    again = [*arguments, *options, "--overwrite", "--run", str(tmp_path / "other")]
    assert main([*again, "--attackers", held_out]) == 2
    assert "held out of all training" in capsys.readouterr().err


@pytest.mark.slow
def test_trains_and_validates_a_protector(
    series: Path, weights: Path, tmp_path: Path, phantom_image: Path
) -> None:
    out, run = tmp_path / "mine.safetensors", tmp_path / "run"
    attackers = [weights / "injector.safetensors", weights / "remover.safetensors"]
    arguments = [
        *("train", "protector", str(series), "--attackers", *map(str, attackers)),
        *("--output", str(out), "--run", str(run), "--validate", str(phantom_image)),
        *("--steps", "2", "--crops", "1", "--attacks", "1"),
    ]
    assert main([*arguments, "--quiet"]) == 0
    card = MitsGan.load(out).card
    assert card["licence"] == "unstated"
    assert [a["sha256"] for a in card["attackers"]] == [
        load_weights(path, "attacker")[1]["sha256"] for path in attackers
    ]
    measured = card["metrics"]["scans"]["unseen.nii.gz"]["clipped"]
    assert set(measured) == {"perturbation_rms_hu", "inject", "remove"}
    assert {"protected", "random sign", "constant offset"} <= set(measured["inject"])
    assert 0 <= measured["remove"]["nodule_share"] <= 1
    for picture in ("losses.png", "samples.png"):
        assert (run / picture).read_bytes().startswith(PNG)


@pytest.fixture
def phantom_image(series: Path, protector_options: list[str], tmp_path: Path) -> Path:
    """A scan under another name."""
    image = tmp_path / "unseen.nii.gz"
    assert main(["protect", str(series), str(image), "--quiet", *protector_options]) == 0
    return image


@pytest.mark.parametrize(
    "options, said",
    [
        (["--steps", "0"], "--steps must be 1 or more"),
        (["--resume"], "holds no training run to resume"),
        (["--output", "weights.bin"], "weights are named *.safetensors"),
        (["--output", "no/such/a.safetensors"], "no/such does not exist"),
        (["--validate", "nowhere"], "nowhere does not exist"),
        (["--run", __file__], "is a file; name a folder"),
    ],
)
def test_refusals(
    attacker: Run,
    options: list[str],
    said: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert attacker(*options) == 2
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_what_would_fail_after_the_training_is_told_before_it(
    attacker: Run, phantom_image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cubes, tissue = tmp_path / "cubes.npz", tmp_path / "tissue.nii.gz"
    made = ["data", "cubes", str(phantom_image), "-o", str(cubes), "--count", "1", "--quiet"]
    assert main([*made, "--action", "remove", "--split", "validate"]) == 0
    noise = np.random.default_rng(0).normal(40, 30, (24, 48, 48)).astype(np.int16)
    mg.write(mg.Scan.from_hu(noise, (4.0, 4.0, 4.0)), tissue)
    for options, said in (
        ((str(phantom_image), "--classifier", "none.safetensors"), "no such weights file"),
        ((str(cubes),), "holds cubes to remove, and these are needed to inject"),
        ((str(tissue),), f"--validate {tissue}: "),
    ):
        assert attacker("--steps", "1", "--validate", *options) == 2
        assert said in capsys.readouterr().err
        assert not (tmp_path / "injector.run").exists()


def test_a_run_replaces_no_file_that_is_of_no_run(
    attacker: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "experiment"
    folder.mkdir()
    for name in ("config.toml", "losses.jsonl"):
        mine = folder / name
        mine.write_text("steps = 1  # mine\n")
        options = ("--config", str(mine)) if name == "config.toml" else ("--steps", "1")
        assert attacker(*options, "--run", str(folder), "--quiet") == 2
        assert f"holds a {name} that is of no training" in capsys.readouterr().err
        assert mine.read_text() == "steps = 1  # mine\n"
        mine.unlink()


def test_refuses_to_validate_on_what_it_trains_on(
    attacker: Run, series: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert attacker("--validate", str(series)) == 2
    assert "split scans by patient" in capsys.readouterr().err
