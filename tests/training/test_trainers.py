"""Both trainings on a phantom, with tiny networks: they learn, and they leave their evidence."""

from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
import torch
from torch import Tensor

from mitsgan.attack import TrainedAttacker
from mitsgan.errors import SettingsError
from mitsgan.networks.classifier import NoduleClassifier
from mitsgan.protect.patches import HALO
from mitsgan.scan.scan import Scan
from mitsgan.training import attacker
from mitsgan.training.attacker import train_attacker
from mitsgan.training.config import AttackerConfig, ProtectorConfig
from mitsgan.training.data.crops import CropSampler
from mitsgan.training.data.cubes import Volume
from mitsgan.training.loop import Run, read_losses
from mitsgan.training.pictures import loss_curve, sample_sheet
from mitsgan.training.protector import attack_values, objectives_of, train_protector
from mitsgan.training.validate import attacker_metrics

PNG = b"\x89PNG"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("run")


@pytest.fixture(scope="module")
def remover(training_chest: Scan, run: Path) -> TrainedAttacker:
    config = AttackerConfig(action="remove", width=2, steps=40, batch=4, generator_rate=2e-3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(attacker, "TABLE_CUBES", 32)
        return train_attacker([training_chest], config, Run(run))


@pytest.mark.slow
def test_an_attacker_learns_to_inpaint(
    remover: TrainedAttacker, run: Path, training_chest: Scan
) -> None:
    losses = [row["l1"] for row in read_losses(run)]
    assert len(losses) == 40
    assert fmean(losses[-8:]) < 0.7 * fmean(losses[:4])
    assert remover.name == "remover"
    assert not remover.network.training
    metrics = attacker_metrics(remover, [training_chest], cubes=16)
    assert metrics["cubes"] == 16
    assert 0 < metrics["core_mae_hu"] < 700


@pytest.mark.slow
def test_a_saved_attacker_paints_the_same(remover: TrainedAttacker, tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    remover.save(path, {"config": {"width": 2, "action": "remove"}})
    cubes = torch.randn(2, 32, 32, 32, generator=torch.Generator().manual_seed(0)) * 50 - 850
    with torch.no_grad():
        expected, actual = remover.repaint(cubes), TrainedAttacker.load(path).repaint(cubes)
    assert float((expected - actual).abs().median()) < 3  # weights are stored in half precision


def test_evidence_is_drawn(
    remover: TrainedAttacker, run: Path, training_chest: Scan, tmp_path: Path
) -> None:
    loss_curve(run, tmp_path / "loss.png")
    sample_sheet(remover, [training_chest], tmp_path / "sheet.png", rows=1)
    for name in ("loss.png", "sheet.png"):
        assert (tmp_path / name).read_bytes().startswith(PNG)


CONFIG = ProtectorConfig(width=(4, 4), steps=12, crops=1, attacks=2, energy_weight=0.0, rate=1e-2)


@pytest.mark.slow
def test_a_protector_learns_to_disrupt(
    remover: TrainedAttacker, training_chest: Scan, tmp_path: Path
) -> None:
    generator = train_protector([training_chest], [remover], CONFIG, Run(tmp_path))
    rows = read_losses(tmp_path)
    assert not generator.training
    assert fmean(r["remove"] for r in rows[-4:]) > 2 * rows[0]["remove"]
    assert rows[-1]["energy"] > rows[0]["energy"]


def test_a_protector_goes_on_from_weights_on_varied_pieces_for_another_goal(
    remover: TrainedAttacker, training_chest: Scan, tmp_path: Path
) -> None:
    first = train_protector(
        [training_chest], [remover], replace(CONFIG, steps=1, reach=2), Run(tmp_path / "first")
    )
    assert len(first.far) == 2
    config = replace(CONFIG, reach=2, augment=True, remove_goal="judged", rate=1e-9, steps=2)
    with pytest.raises(SettingsError, match="needs somebody to judge"):
        train_protector([training_chest], [remover], config, Run(tmp_path / "nobody"))
    judge = NoduleClassifier.load()
    second = train_protector(
        [training_chest],
        [remover],
        config,
        Run(tmp_path / "second"),
        classifiers=[judge],
        start=first,
    )
    for before, after in zip(first.parameters(), second.parameters(), strict=True):
        torch.testing.assert_close(before, after, rtol=0, atol=1e-6)
    assert all("remove" in row for row in read_losses(tmp_path / "second"))


def test_what_it_asks_for_is_what_counts(
    remover: TrainedAttacker, data_volumes: list[Volume]
) -> None:
    crop = CropSampler(data_volumes, attacks=2).sample(torch.Generator().manual_seed(0))
    depth = len(crop.hu) - 2 * HALO
    nothing = torch.zeros(depth, *crop.hu.shape[1:], requires_grad=True)

    def values(**settings: Any) -> Tensor:
        objectives = objectives_of(replace(CONFIG, **settings))
        random = torch.Generator().manual_seed(1)
        (value,) = attack_values(crop, nothing, [remover], objectives, random).values()
        assert value.shape == (2,)
        return value

    assert values().abs().max() < 0.01, "nothing is disrupted"
    assert values(remove_goal="unchanged").max() < -1, "it paints another lung"
    far, near = values(target_hu=1000.0), values(target_hu=-850.0)
    assert far.max() < near.min() < -1, "the painted core is lung"
    (gradient,) = torch.autograd.grad(far.sum(), nothing)
    assert gradient.abs().max() > 0
