"""A diffusion attacker on a phantom, with a tiny network: it learns, resumes, and goes on."""

from dataclasses import replace
from pathlib import Path
from statistics import fmean

import pytest
import torch

from mitsgan.attack import TrainedAttacker
from mitsgan.scan.scan import Scan
from mitsgan.training import attacker
from mitsgan.training.config import DiffusionConfig
from mitsgan.training.diffusion import train_diffusion
from mitsgan.training.loop import Run, read_losses

pytestmark = pytest.mark.slow  # a diffusion attacker of either action is trained in tests/cli, too

CONFIG = DiffusionConfig(action="remove", width=8, steps=60, batch=4, rate=1e-2, sharpness=(0.0,))


@pytest.fixture(autouse=True)
def small_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attacker, "TABLE_CUBES", 16)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("run")


@pytest.fixture(scope="module")
def remover(training_chest: Scan, run: Path) -> TrainedAttacker:
    return train_diffusion([training_chest], CONFIG, Run(run))


def test_it_learns_to_draw(remover: TrainedAttacker, run: Path) -> None:
    losses = [row["loss"] for row in read_losses(run)]
    assert len(losses) == 60
    assert fmean(losses[-8:]) < 0.8 * fmean(losses[:4])
    assert (remover.name, remover.action, remover.network.training) == ("remover", "remove", False)


def test_what_is_kept_is_the_average(remover: TrainedAttacker, run: Path) -> None:
    learned = torch.load(run / "checkpoint.pt")["learners"]["network"]
    kept = remover.network.state_dict()["stem.weight"]
    assert torch.equal(kept, learned["average"]["weights"]["stem.weight"])
    assert not torch.equal(kept, learned["network"]["stem.weight"])


def test_an_injector_goes_on_from_a_remover(
    remover: TrainedAttacker, training_chest: Scan, tmp_path: Path
) -> None:
    config = replace(CONFIG, action="inject", steps=1, rate=1e-6)
    injector = train_diffusion([training_chest], config, Run(tmp_path), start=remover)
    assert injector.action == "inject"
    assert injector.equalization is remover.equalization
    apart = (
        injector.network.state_dict()["stem.weight"] - remover.network.state_dict()["stem.weight"]
    )
    assert 0 < float(apart.abs().max()) < 1e-4


def test_one_attack_paints_the_same_whatever_is_attacked_beside_it(
    remover: TrainedAttacker,
) -> None:
    cubes = torch.randn(2, 32, 32, 32, generator=torch.Generator().manual_seed(0)) * 50 - 850
    with torch.no_grad():
        both = remover.repaint(cubes, seeds=[3, 4])
        alone = remover.repaint(cubes[1:], seeds=[4])
        other = remover.repaint(cubes[1:], seeds=[5])
    assert float((both[1:] - alone).abs().max()) < 0.5
    assert float((other - alone).abs().max()) > 5
