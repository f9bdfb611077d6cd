"""`mitsgan attacker import-lefusion`: LeFusion's checkpoint in, an attacker that injects out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tests.attack.import_lefusion.release import checkpoint

from mitsgan.attack import TrainedAttacker
from mitsgan.attack.import_lefusion.names import published
from mitsgan.cli.main import main
from mitsgan.errors import SettingsError
from mitsgan.jobs.train.fine_tune import config_like
from mitsgan.networks import load_weights
from mitsgan.training.config import AttackerConfig

Run = Callable[..., int]
MULTIPLES = (1, 1, 1, 1)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """As published, but of width 8 and with one small head."""
    path = tmp_path / "lidc.pt"
    torch.save(checkpoint(8, MULTIPLES, 1, 4), path)
    return path


@pytest.fixture
def imported(source: Path, tmp_path: Path) -> Run:
    """Import to ``tmp_path / "injector.safetensors"``."""

    def run(*options: str) -> int:
        output = tmp_path / "injector.safetensors"
        return main(["attacker", "import-lefusion", str(source), "-o", str(output), *options])

    return run


def test_the_card_says_what_it_is_and_whose(
    imported: Run, source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert imported("--texture", "2", "--steps", "7") == 0
    assert "LeFusion of width 8, action inject" in capsys.readouterr().out
    tensors, card = load_weights(tmp_path / "injector.safetensors", "attacker")
    assert card["name"] == "lefusion"
    assert card["licence"] == "Apache-2.0"
    assert "2403.14066" in card["source"]
    assert card["precision"] == "float32"
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    assert card["imported"] == [{"name": "lidc.pt", "sha256": digest}]
    assert card["config"] == {
        "architecture": "lefusion",
        "action": "inject",
        "width": 8,
        "multiples": [1, 1, 1, 1],
        "heads": 1,
        "head_channels": 4,
        "timesteps": 300,
        "steps": 7,
        "texture": 2,
        "finer": 2,
    }
    given = torch.load(source)["model"]
    layers = [name for name in tensors if name.startswith("unet.")]
    assert len(layers) > 100
    for name in layers:
        theirs = "denoise_fn.module." + published(name.removeprefix("unet."))
        assert torch.equal(tensors[name], given[theirs].reshape(tensors[name].shape)), name


def test_it_paints_a_lesion_and_leaves_the_rest_to_the_bit(imported: Run, tmp_path: Path) -> None:
    assert imported("--steps", "1", "--quiet") == 0
    attacker = TrainedAttacker.load(tmp_path / "injector.safetensors")
    cubes = 100 + 900 * torch.sin(torch.arange(32.0**3)).reshape(1, 32, 32, 32)
    assert float(cubes.max()) > 400  # beyond LeFusion's window, which must not cut what is known
    painted = attacker.repaint(cubes, seeds=[3])
    lesion = attacker.network.lesions([3])  # type: ignore[operator]
    assert torch.equal(painted[~lesion], cubes[~lesion])
    assert -1000 <= float(painted[lesion].min()) < float(painted[lesion].max()) <= 400
    with pytest.raises(SettingsError, match="architecture lefusion are not trained"):
        config_like(attacker, AttackerConfig(action="inject"))


@pytest.mark.parametrize(
    "options, message",
    [
        (("--steps", "0"), "must be 1 or more"),
        (("--steps", "300"), "the schedule has 29"),
        (("--texture", "4"), "texture"),
    ],
)
def test_settings_that_make_no_sense_are_refused(
    imported: Run,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    message: str,
) -> None:
    before = sorted(tmp_path.iterdir())
    try:
        code = imported(*options)
    except SystemExit as end:
        code = int(end.code or 0)
    assert code == 2
    assert message in capsys.readouterr().err
    assert sorted(tmp_path.iterdir()) == before


def test_a_refused_checkpoint_leaves_nothing_behind(
    imported: Run, source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source.write_bytes(source.read_bytes()[:5000])
    assert imported() == 2
    assert "fetch it again" in capsys.readouterr().err
    assert sorted(tmp_path.iterdir()) == [source]


@pytest.mark.slow
def test_protection_is_measured_against_it(
    imported: Run,
    series: Path,
    weights: Path,
    protector_options: list[str],
    tmp_path: Path,
) -> None:
    assert imported("--steps", "1", "--quiet") == 0
    result = tmp_path / "result.json"
    options = ["--positions", "2", "--quiet", "-o", str(result)]
    attackers = ["--injector", str(tmp_path / "injector.safetensors")]
    attackers += ["--remover", str(weights / "remover.safetensors")]
    assert main(["evaluate", str(series), *protector_options, *attackers, *options]) == 0
    evaluation = json.loads(result.read_text())
    card = load_weights(tmp_path / "injector.safetensors", "attacker")[1]
    assert evaluation["attackers"]["inject"]["sha256"] == card["sha256"]
    assert evaluation["disruption"]["inject"]["protected"]["rmse_hu"]["median"] > 0
