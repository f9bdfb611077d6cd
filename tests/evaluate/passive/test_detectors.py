"""Both detectors on a phantom: smoothed places stand out, and a part is searched as the whole."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.evaluate.passive.conftest import NOISE_HU

from mitsgan.anatomy.grain import scan_grain
from mitsgan.anatomy.places import lung_positions
from mitsgan.evaluate.passive.grain_statistic import GrainStatistic
from mitsgan.evaluate.passive.learned import LearnedDetector
from mitsgan.evaluate.passive.score_map import Box
from mitsgan.evaluate.passive.search import PassiveDetector
from mitsgan.evaluate.purify.filters import gaussian
from mitsgan.networks.detector import SIDE, STEP, DetectorNetwork, TamperingDetector
from mitsgan.scan.scan import Scan


@pytest.fixture(scope="module")
def network() -> TamperingDetector:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return TamperingDetector(DetectorNetwork(2).eval())


def smoothed(scan: Scan, place: tuple[int, int, int]) -> Scan:
    """20 mm around a place without its grain."""
    box = around(scan, place, 10.0)
    stored = scan.stored.copy()
    stored[box] = gaussian(scan.hu(), (0.0, 1.0, 1.0))[box].astype(stored.dtype)
    return replace(scan.with_stored(stored), source=None)


def around(scan: Scan, place: tuple[int, int, int], mm: float) -> Box:
    z, y, x = (
        slice(max(p - round(mm / s), 0), min(p + round(mm / s) + 1, n))
        for p, s, n in zip(place, scan.spacing, scan.shape, strict=True)
    )
    return z, y, x


def test_the_usual_grain_is_the_noise_that_was_put_in(noisy_chest: Scan) -> None:
    more = np.random.default_rng(1).normal(0, 2 * NOISE_HU, noisy_chest.shape)
    stored = (noisy_chest.stored + more).astype(noisy_chest.stored.dtype)
    before, after = (scan_grain(scan) for scan in (noisy_chest, noisy_chest.with_stored(stored)))
    assert before.inside.any()
    added = after.usual_hu**2 - before.usual_hu**2
    # A mean over nine takes a ninth of the variance of white noise away with it.
    middle = np.median(added[before.inside])
    assert middle == pytest.approx((2 * NOISE_HU) ** 2 * 8 / 9, rel=0.2)


def test_a_smoothed_place_stands_out_and_nothing_else_does(noisy_chest: Scan) -> None:
    place = lung_positions(noisy_chest, 1, seed=2)[0]
    before = GrainStatistic().search(noisy_chest).scores
    after = GrainStatistic().search(smoothed(noisy_chest, place)).scores
    assert after.at(place) > 4
    assert after.at(place) > 2 * before.at(place)
    unchanged = np.isfinite(before.values)
    assert np.nanmedian(after.values[unchanged]) < 2


def test_a_part_is_searched_as_the_whole_scan_is(
    noisy_chest: Scan, network: TamperingDetector
) -> None:
    place = lung_positions(noisy_chest, 1, seed=2)[0]
    tampered = smoothed(noisy_chest, place)
    box = around(noisy_chest, place, 60.0)
    detectors: tuple[PassiveDetector, ...] = (GrainStatistic(), LearnedDetector(network))
    for detector in detectors:
        search = detector.search(noisy_chest)
        same = search.again(noisy_chest.hu()[box], box)
        np.testing.assert_array_equal(same.values, search.scores.values)
        now = search.again(tampered.hu()[box], box)
        whole = detector.search(tampered).scores
        assert now.at(place) != search.scores.at(place)
        # What is usual differs a little, since the whole search takes the place into it.
        assert now.at(place) == pytest.approx(whole.at(place), rel=0.1, abs=0.05)


def test_whole_slices_give_what_patches_give(network: TamperingDetector) -> None:
    slices = torch.randn(1, 3, SIDE + 2 * STEP, SIDE + STEP) * 100 - 800
    grain = torch.tensor([30.0])
    whole = network.logits(slices, grain)
    assert whole.shape == (1, 3, 2)
    patch = network.logits(slices[..., STEP : STEP + SIDE, STEP : STEP + SIDE], grain)
    torch.testing.assert_close(whole[:, 1:2, 1:2], patch, atol=1e-4, rtol=1e-4)
    as_map = network.logits(slices, grain[:, None, None].expand(1, *slices.shape[2:]))
    torch.testing.assert_close(as_map, whole)
