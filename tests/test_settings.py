"""Checks of settings name them as Python does."""

from __future__ import annotations

import math

import pytest
import torch

from mitsgan.errors import SettingsError
from mitsgan.settings import LARGEST_SEED, a_seed, above_zero, at_least, within


def test_what_is_in_range_passes() -> None:
    at_least("seed", 0, 0)
    within("false_alarms", 0.5, 1e-9, 0.5)


def test_a_seed_is_one_that_torch_takes() -> None:
    a_seed("seed", 0)
    a_seed("seed", LARGEST_SEED)
    torch.Generator().manual_seed(LARGEST_SEED + 1)  # such as of the second of two processes
    with pytest.raises(SettingsError, match=r"`seed` must be 0 or more, found -1"):
        a_seed("seed", -1)
    with pytest.raises(SettingsError, match=r"`seed` must be 9223372036854775807 at most"):
        a_seed("seed", 2**64)


@pytest.mark.parametrize("value", [-1, math.nan])
def test_too_little_is_told(value: float) -> None:
    with pytest.raises(SettingsError, match=r"`max_hu` must be 0 or more, found"):
        at_least("max_hu", value, 0)


@pytest.mark.parametrize("value", [0.0, 0.6, math.nan])
def test_out_of_range_is_told(value: float) -> None:
    with pytest.raises(SettingsError, match=r"`rate` must lie between 1e-09 and 0.5, found"):
        within("rate", value, 1e-9, 0.5)


@pytest.mark.parametrize("value", [0.0, -1.0, math.inf, math.nan])
def test_nothing_and_what_has_no_end_is_told(value: float) -> None:
    with pytest.raises(SettingsError, match=r"`max_hu` must be above 0, found"):
        above_zero("max_hu", value)
