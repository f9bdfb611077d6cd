"""`mitsgan.tamper`: what makes no sense is told, not met."""

from __future__ import annotations

from typing import Any

import pytest

import mitsgan as mg
from mitsgan.scan.scan import Scan


@pytest.mark.parametrize(
    "wanted, said",
    [
        ({"action": "injection"}, "`action` must be inject or remove, found 'injection'"),
        ({"position_mm": (1.0, 2.0)}, r"`position_mm`: \(1.0, 2.0\) is no place in mm"),
        ({"position_mm": (float("nan"), 0.0, 0.0)}, "is no place in mm"),
        ({"seed": -1}, "`seed` must be 0 or more, found -1"),
    ],
)
def test_settings_that_make_no_sense_are_refused(
    phantom: Scan, wanted: dict[str, Any], said: str
) -> None:
    with pytest.raises(mg.SettingsError, match=said):
        mg.tamper(phantom, **{"action": "inject", **wanted})
