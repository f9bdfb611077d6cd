"""What is verified, and by what: what makes no sense is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mitsgan.errors import SettingsError
from mitsgan.jobs.verify.settings import FALSE_ALARMS, VerifyFile
from mitsgan.mark.find import judge


def test_what_others_say_too_is_the_same() -> None:
    assert FALSE_ALARMS == judge.FALSE_ALARMS


@pytest.mark.parametrize(
    "settings, said",
    [
        ({}, "name what to verify by: `key`"),
        ({"seal": Path("s"), "map": Path("m.nii")}, "`map` is made from the mark"),
        ({"key": Path("k"), "trust": Path("t")}, "give `seal` too"),
        ({"key": Path("k"), "false_alarms": 0.0}, "`false_alarms` must lie between 1e-09 and 0.5"),
        ({"key": Path("k"), "map": Path("m.png")}, "let it end in .nii.gz"),
    ],
)
def test_refuses_what_makes_no_sense(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        VerifyFile(scan=Path("a"), **settings)
    assert said in str(caught.value)
