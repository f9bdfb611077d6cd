"""Every second and third slice looked at alone."""

from __future__ import annotations

import numpy as np
import pytest

from mitsgan.mark.find.expected import Evidence
from mitsgan.mark.find.hidden.steps import TILE, Steps
from mitsgan.mark.find.search import search
from mitsgan.mark.find.settings import Detector

SPACING = (2.5, 0.7, 0.7)
SHAPE = (40, 48, 44)
SETTINGS = Detector()
CUBE = (slice(12, 24), slice(16, 26), slice(14, 24))
"""30 x 28 x 28 mm."""


def evidence(lost: np.ndarray, power: float = 0.8) -> Evidence:
    """A marked scan that lost the mark in some blocks."""
    rng = np.random.default_rng(2)
    expected = np.full(SHAPE, power, np.float32)
    products = expected * ~lost + np.sqrt(expected) * rng.normal(size=SHAPE)
    body = np.ones(SHAPE, np.bool_)
    return Evidence(
        products.astype(np.float32), expected, expected, body, body, 0.03, 3.0, np.zeros_like(body)
    )


def every(step: int, first: int) -> np.ndarray:
    """Slices of the cube that are so many steps apart."""
    lost = np.zeros(SHAPE, np.bool_)
    z, y, x = CUBE
    lost[z.start + first : z.stop : step, y, x] = True
    return lost


def test_nothing_is_found_where_all_of_the_mark_is() -> None:
    nothing = np.zeros(SHAPE, np.bool_)
    assert Steps.of(evidence(nothing), SPACING, SETTINGS).shortfall(6.0) is None


@pytest.mark.parametrize("step, first", [(2, 0), (2, 1), (3, 0), (3, 1), (3, 2)])
def test_slices_without_a_mark_are_found_whichever_they_are(step: int, first: int) -> None:
    whole = evidence(every(step, first), power=1.2)
    found = Steps.of(whole, SPACING, SETTINGS).shortfall(6.0)
    assert found is not None
    assert found.shape == SHAPE
    assert (found[CUBE] > 6).mean() > 0.5
    far = np.ones(SHAPE, np.bool_)
    far[6:30, 8:34, 6:32] = False
    assert not found[far].any()


def test_a_search_flags_them_where_half_of_the_mark_passes_for_unevenness() -> None:
    lost = every(2, 1)
    lost[20:] = lost[:, 23:] = lost[:, :, 21:] = False  # 20 mm
    whole = evidence(lost, power=0.42)
    result = search(whole, SPACING, 0.01, SETTINGS)
    assert result.flagged[CUBE].any()
    assert not search(whole, SPACING, 0.01, Detector(steps=())).flagged.any()


def test_all_windows_are_counted_and_scans_of_few_slices_have_none() -> None:
    whole = evidence(np.zeros(SHAPE, np.bool_))
    steps = Steps.of(whole, SPACING, SETTINGS)
    tiles = SHAPE[0] * (SHAPE[1] // TILE[1]) * (SHAPE[2] // TILE[2])
    assert steps.windows == len(SETTINGS.steps) * tiles
    two = [part[:2] for part in whole.sums]
    body = whole.body[:2]
    flat = Evidence(two[0], two[1], two[2], body, body, 0.03, 3.0, whole.lost[:2])
    assert Steps.of(flat, SPACING, SETTINGS).windows == 0
    assert Steps.of(flat, SPACING, SETTINGS).shortfall(6.0) is None
