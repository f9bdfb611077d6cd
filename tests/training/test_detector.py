"""The tampering detector learns on a phantom what an untrained model leaves in it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.evaluate.untrained import attacker

from mitsgan.errors import SettingsError
from mitsgan.networks.detector import TamperingDetector
from mitsgan.scan.scan import Scan
from mitsgan.training.config import DetectorConfig
from mitsgan.training.detector import detector_metrics, train_detector
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


def test_settings_that_make_no_sense_are_refused() -> None:
    for wrong in ({"steps": 0}, {"patches": 0}, {"processed": 1.5}, {"width": 0}):
        with pytest.raises(SettingsError, match=next(iter(wrong))):
            DetectorConfig(**wrong)
