"""Configurations refuse what makes no sense, in Python as on the command line."""

from __future__ import annotations

import math
from typing import Any

import pytest

from mitsgan.errors import SettingsError
from mitsgan.training.config import (
    AttackerConfig,
    ClassifierConfig,
    PaperConfig,
    ProtectorConfig,
    TafimConfig,
    TrainingConfig,
)


@pytest.mark.parametrize(
    "kind, values, said",
    [
        (AttackerConfig, {"steps": -1}, "`steps` must be 1 or more, found -1"),
        (AttackerConfig, {"action": "paint"}, "`action` must be one of inject, remove"),
        (ProtectorConfig, {"remove_goal": "excess"}, "`remove_goal` must be one of distance"),
        (AttackerConfig, {"batch": 1}, "`batch` must be 2 or more"),
        (AttackerConfig, {"architecture": "residual", "width": 10}, "a multiple of 8"),
        (AttackerConfig, {"sharpness": ()}, "`sharpness`: give at least one amount"),
        (ProtectorConfig, {"width": (0, 4)}, "`width` must be 1 or more"),
        (ProtectorConfig, {"max_hu": 0.0}, "`max_hu` must be above 0"),
        (ProtectorConfig, {"waves": (0.4, -1.0)}, "`waves` must be above 0"),
        (ProtectorConfig, {"processed": 1.5}, "`processed` must lie between 0 and 1"),
        (ProtectorConfig, {"pixel_scales": (0.5,)}, "none below 1"),
        (ProtectorConfig, {"attacks": 0}, "`attacks` must be 1 or more"),
        (ClassifierConfig, {"smallest_mm": 3.0}, "`smallest_mm` must be 4 or more"),
        (ClassifierConfig, {"largest_mm": 5.0}, "`largest_mm` must be 6 or more"),
        (ClassifierConfig, {"largest_mm": 31.0}, "`largest_mm` must lie between 6 and 30"),
        (ClassifierConfig, {"rate": -1.0}, "`rate` must be 0 or more"),
        (AttackerConfig, {"generator_rate": -1.0}, "`generator_rate` must be 0 or more"),
        (AttackerConfig, {"l1_weight": math.nan}, "`l1_weight` must be finite, found nan"),
        (AttackerConfig, {"generator_rate": math.inf}, "`generator_rate` must be finite"),
        (AttackerConfig, {"sharpness": (0.0, math.nan)}, "`sharpness` must be finite"),
        (AttackerConfig, {"seed": 2**64}, "`seed` must be 9223372036854775807 at most"),
        (PaperConfig, {"epochs": 0}, "`epochs` must be 1 or more"),
        (TafimConfig, {"seed": -1}, "`seed` must be 0 or more"),
    ],
)
def test_what_makes_no_sense_is_refused(
    kind: type[TrainingConfig], values: dict[str, Any], said: str
) -> None:
    required: dict[str, Any] = {"action": "inject"} if kind is AttackerConfig else {}
    kind(**required)
    with pytest.raises(SettingsError, match=said):
        kind(**(required | values))
