"""The nodule classifier learns on a phantom, and says how convincing an attacker is."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mitsgan.attack import Equalization, Generator, TrainedAttacker
from mitsgan.networks.classifier import NoduleClassifier
from mitsgan.scan.scan import Scan
from mitsgan.training.classifier import classifier_metrics, train_classifier
from mitsgan.training.config import ClassifierConfig
from mitsgan.training.judge import judge_attacker
from mitsgan.training.loop import Run, last_losses

CONFIG = ClassifierConfig(width=4, steps=60, batch=16, rate=3e-3, smallest_mm=12)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("classifier")


@pytest.fixture(scope="module")
def classifier(training_chest: Scan, run: Path) -> NoduleClassifier:
    return train_classifier([training_chest], CONFIG, Run(run))


@pytest.mark.slow
def test_it_tells_nodules_from_lung(
    classifier: NoduleClassifier, run: Path, training_chest: Scan
) -> None:
    assert last_losses(run, 20)["accuracy"] > 0.8
    metrics = classifier_metrics(classifier, [training_chest], CONFIG, cubes=64)
    assert metrics["cubes"] == 64
    assert metrics["sensitivity"] > 0.7
    assert metrics["specificity"] > 0.7


class _Paints(torch.nn.Module):
    """A generator that paints air, and in its middle a ball of a radius in voxels."""

    def __init__(self, radius: float) -> None:
        super().__init__()
        axis = torch.arange(32) - 15.5
        distance = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij")).norm(dim=0)
        self.painted = torch.where(distance < radius, 0.35, -0.38)

    def forward(self, condition: torch.Tensor) -> torch.Tensor:
        return self.painted.expand_as(condition)


@pytest.mark.slow
def test_a_painted_ball_is_called_nodule_and_painted_air_is_not(
    classifier: NoduleClassifier, training_chest: Scan
) -> None:
    table = Equalization.fit([torch.linspace(-1000, 200, 40_000)])
    ball = TrainedAttacker("inject", _Paints(7), table)
    judged = judge_attacker(ball, classifier, [training_chest], positions=16)
    assert judged["positions"] == 16
    assert judged["nodule_after"] > judged["nodule_before"] + 0.5
    assert judged["lump_after"] > 0.8 > 0.3 > judged["lump_before"], "lung, then a ball of 14 mm"
    air = TrainedAttacker("remove", _Paints(0), table)
    judged = judge_attacker(air, classifier, [training_chest], positions=16)
    assert judged["nodule_after"] < judged["nodule_before"] - 0.5
    assert judged["lump_after"] == 0 < judged["lump_before"]


@pytest.mark.slow
def test_the_same_seed_judges_the_same(classifier: NoduleClassifier, training_chest: Scan) -> None:
    table = Equalization.fit([torch.linspace(-1000, 200, 40_000)])
    attacker = TrainedAttacker("remove", Generator(2).eval(), table)
    first, second = (
        judge_attacker(attacker, classifier, [training_chest], positions=4, seed=3)
        for _ in range(2)
    )
    assert first == second
