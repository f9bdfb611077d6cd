"""The tampering detector learns on a phantom what an untrained model leaves in it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tests.evaluate.untrained import attacker

from mitsgan.errors import SettingsError
from mitsgan.networks.detector import TamperingDetector
from mitsgan.scan.scan import Scan
from mitsgan.training.config import DetectorConfig
from mitsgan.training.data.cubes import Volume
from mitsgan.training.detector import _region, detector_metrics, train_detector
from mitsgan.training.loop import Run, last_losses

CONFIG = DetectorConfig(
    width=3, steps=40, volumes=1, strikes=2, rate=5e-3, thicknesses=(), sharpness=(0.0,)
)


@pytest.mark.slow
def test_it_tells_attacked_lung_from_the_same_untouched(
    training_chest: Scan, tmp_path: Path
) -> None:
    attackers = [attacker("remove")]
    detector = train_detector([training_chest], attackers, CONFIG, Run(tmp_path / "run"))
    assert last_losses(tmp_path / "run", 10)["accuracy"] > 0.7
    metrics = detector_metrics(detector, attackers, [training_chest], places=12)
    assert metrics["places"] == 12
    by_action = metrics["auc"]
    assert isinstance(by_action, dict)
    assert by_action["remove"] > 0.8
    path = tmp_path / "mine.safetensors"
    detector.save(path, {"config": {"width": CONFIG.width}})
    again = TamperingDetector.load(path)
    difference = again.golden_output() - detector.golden_output()
    assert float(difference.abs().max()) < TamperingDetector.TOLERANCE


@pytest.mark.parametrize("slice_mm", [1.0, 2.5, 3.0, 5.0])
@pytest.mark.parametrize("off_mm", [0.0, 4.0])
def test_a_patch_of_an_attack_has_its_middle_there(
    slice_mm: float, off_mm: float, data_volumes: list[Volume]
) -> None:
    hu = torch.zeros(40, 60, 60)
    hu[20, 30, 31] = 1
    volume = replace(data_volumes[0], hu=hu, spacing=(slice_mm, 1.0, 1.0))
    region, corner = _region(volume, (20, 30, 31), off_mm)
    (there,) = region.argwhere().tolist()
    assert there == [n // 2 for n in region.shape]
    assert [a + b for a, b in zip(corner, there, strict=True)] == [20, 30, 31]


def test_settings_that_make_no_sense_are_refused() -> None:
    for wrong in ({"steps": 0}, {"patches": 0}, {"processed": 1.5}, {"width": 0}):
        with pytest.raises(SettingsError, match=next(iter(wrong))):
            DetectorConfig(**wrong)
