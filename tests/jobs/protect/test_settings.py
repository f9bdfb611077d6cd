"""How a scan is to be protected: Python is told what the command line is told."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import pytest

from mitsgan.errors import BudgetError, MitsganError, SettingsError
from mitsgan.jobs.protect.settings import MARK_HU, ProtectFile, ProtectSettings
from mitsgan.mark.embed import STRENGTH_HU


def test_what_others_say_too_is_the_same() -> None:
    assert MARK_HU == STRENGTH_HU


@pytest.mark.parametrize(
    "settings, said",
    [
        ({"seed": -1}, "`seed` must be 0 or more, found -1"),
        ({"protector": "pgd"}, "say how long: `refine=300`"),
        ({"candidates": True}, "`candidates` needs time"),
        ({"nodules": (Path("list.csv"),)}, "`nodules` needs time"),
        (
            {"nodules": (Path("list.csv"),), "candidates": True, "refine": 1.0},
            "give one of them",
        ),
        ({"readers": 0}, "`readers` must be 1 or more"),
        ({"refine": 5.0, "refine_steps": 5}, "give one of them"),
        ({"refine": 0.0}, "`refine` must be 1 or more"),
        ({"refine_steps": 0}, "`refine_steps` must be 1 or more"),
        ({"varied": True}, "`varied` says how to optimise"),
        ({"attackers": ("smooth",)}, "`attackers` says against whom to optimise"),
        ({"protector": "pgd", "refine": 5.0, "weights": Path("w")}, "pgd has no weights"),
    ],
)
def test_refuses_what_makes_no_sense(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        ProtectSettings(**settings)
    assert said in str(caught.value)


@pytest.mark.parametrize("settings", [{"max_hu": 0.0}, {"noise_fraction": -1.0}])
def test_refuses_what_is_no_budget(settings: dict[str, Any]) -> None:
    with pytest.raises(BudgetError):
        ProtectSettings(**settings)


@pytest.mark.parametrize(
    "settings, said",
    [
        ({"mark_hu": 2.0}, "belong to a mark; give `key` too"),
        ({"identity": "me"}, "belong to a mark; give `key` too"),
        ({"certificate": Path("c")}, "belong to a key; give `sign` too"),
        ({"passphrase_file": Path("c")}, "belong to a key; give `sign` too"),
    ],
)
def test_refuses_what_does_not_go_together(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(MitsganError) as caught:
        ProtectFile(scan=Path("a"), out=Path("b"), **settings)
    assert said in str(caught.value)


def test_settings_stay_as_they_were_checked() -> None:
    settings: Any = ProtectSettings()
    with pytest.raises(FrozenInstanceError):
        settings.max_hu = -1.0
