"""Places whose grain is louder or smoother than that around."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mitsgan.mark import Detection, Key, Mark, Verdict
from mitsgan.mark.find import judge
from mitsgan.mark.find.detect import detect
from mitsgan.mark.find.expected import Evidence, weigh
from mitsgan.mark.find.grain import unlike_places
from mitsgan.mark.find.hidden.doubtful import Louder
from mitsgan.mark.find.noise import Cells, Mask
from mitsgan.mark.find.settings import Detector
from mitsgan.perturb import Budget, apply_perturbations
from mitsgan.phantom.chest import chest
from mitsgan.scan.scan import Scan

KEY, NAME = Key(bytes(range(32))), "series"
SPACING = (2.5, 0.7, 0.7)
SHAPE = (24, 60, 60)
INSIDE = (slice(8, 16), slice(16, 24), slice(16, 24))
"""20 x 22 x 22 mm."""


def _grain(seed: int = 0) -> np.ndarray:
    """Of blocks of equal noise: four units each."""
    return (np.random.default_rng(seed).chisquare(4, SHAPE) / 4).astype(np.float32)


def _places(grain: np.ndarray, counted: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    everywhere = np.ones(SHAPE, np.bool_)
    around = np.full(SHAPE, 100, np.float32)
    where = everywhere if counted is None else counted
    louder, smoother, _ = unlike_places(grain, around, where, SPACING, Detector())
    return louder, smoother


def test_equal_noise_is_neither_louder_nor_smoother() -> None:
    for places in _places(_grain()):
        assert not places.any()


def test_what_is_louder_or_smoother_is_told_and_located() -> None:
    for factor, number in ((10.0, 0), (0.01, 1)):
        grain = _grain()
        grain[INSIDE] *= np.float32(factor)
        places = _places(grain)
        assert places[number][INSIDE].mean() > 0.9
        near = np.zeros(SHAPE, np.bool_)
        near[4:20, 11:29, 11:29] = True
        assert not places[number][~near].any()
        assert not places[1 - number].any()


def test_an_edge_is_not_louder_for_its_neighbours_are_quiet() -> None:
    grain = _grain()
    grain[:, :, 20] *= 200
    assert not _places(grain)[0].any()


def test_what_does_not_count_is_not_told() -> None:
    grain, counted = _grain(), np.ones(SHAPE, np.bool_)
    grain[INSIDE] *= 100
    counted[INSIDE] = False
    assert not _places(grain, counted)[0].any()


def test_a_scan_that_is_smooth_all_over_is_its_own_kind() -> None:
    grain = _grain()
    grain[:, ::2] *= np.float32(0.001)
    grain[:, 1::2] *= np.float32(0.001)
    assert not _places(grain)[1].any()


@pytest.fixture(scope="module")
def marked() -> Scan:
    scan = chest((40, 192, 192), (2.5, 1.4, 1.4), seed=4)
    return apply_perturbations(scan, [Mark(KEY, NAME, 10.0)], Budget(40)).scan


def _painted(scan: Scan, level_hu: float) -> Detection:
    box = (slice(16, 24), slice(86, 100), slice(66, 80))
    rng = np.random.default_rng(0)
    stored = scan.stored.copy()
    noise = level_hu * rng.standard_normal(stored[box].shape)
    stored[box] = np.rint(-850 + noise - scan.intercept[0]).clip(-24, 3000).astype(stored.dtype)
    return detect(scan.with_stored(stored), KEY, NAME)


@pytest.mark.parametrize("level_hu", [0.0, 60.0, 200.0])
def test_noise_over_the_mark_is_never_intact(marked: Scan, level_hu: float) -> None:
    detection = _painted(marked, level_hu)
    assert detection.verdict != Verdict.INTACT
    if not detection.regions:
        (place, *_) = detection.unlike
        assert place.region.start[0] < 20 < place.region.stop[0]
        assert place.grain > 1.5
        assert "unlike what is around" in detection.reason


def test_an_untouched_scan_has_no_such_place(marked: Scan) -> None:
    detection = detect(marked, KEY, NAME)
    assert detection.verdict == Verdict.INTACT
    assert not detection.unlike


@pytest.mark.parametrize("worn", [0.0, 0.5])
def test_what_is_smoother_counts_unless_a_filter_wore_the_scan(
    marked: Scan, monkeypatch: pytest.MonkeyPatch, worn: float
) -> None:
    def smoother(grain: Cells, *others: Any) -> tuple[Mask, Mask, list[Louder]]:
        none, place = np.zeros((2, *grain.shape), np.bool_)
        place[6:10, 9:12, 9:12] = True
        return none, place, unlike_places(grain, *others)[2]

    def worn_so_far(*args: Any) -> Evidence:
        return replace(weigh(*args), worn=worn)

    monkeypatch.setattr(judge, "unlike_places", smoother)
    monkeypatch.setattr(judge, "weigh", worn_so_far)
    detection = detect(marked, KEY, NAME)
    assert len(detection.unlike) == (0 if worn else 1)
