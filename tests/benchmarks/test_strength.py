"""A protector is brought to a strength by one factor; what a file cannot hold stays."""

from __future__ import annotations

from statistics import median

import numpy as np
import pytest
from numpy.typing import NDArray

from mitsgan.errors import MitsganError
from mitsgan.perturb import Budget
from mitsgan.protect import Offset, Protector, RandomSign
from mitsgan.scan.scan import Scan
from strength import CLOSE_HU, bring, own_perturbation, square_rmse

POSITIONS = [(8, 30, 30), (12, 40, 34), (9, 36, 44)]


class Ramp(Protector):
    """Stronger from slice to slice, up to the budget in the last."""

    name, title, summary = "ramp", "a ramp", "for tests"

    def perturbation(
        self, scan: Scan, start: int, stop: int, budget: Budget
    ) -> NDArray[np.float32]:
        strength = budget.max_hu * np.arange(start, stop, dtype=np.float32) / scan.shape[0]
        return np.broadcast_to(strength[:, None, None], (stop - start, *scan.shape[1:]))


@pytest.fixture
def scan() -> Scan:
    hu = np.random.default_rng(3).normal(-850, 15, (24, 72, 72)).astype(np.int16)
    return Scan.from_hu(hu, (2.0, 1.0, 1.0), plausible=False)


def test_one_factor_for_the_whole_scan(scan: Scan) -> None:
    strength, changed = bring(scan, own_perturbation(Ramp(), scan), POSITIONS, 50.565)
    reached = square_rmse(scan, changed, POSITIONS)
    assert median(reached) == strength.square_rmse_hu == pytest.approx(50.565, abs=0.5)
    # The middle one of the three lies in slice 9 of 24: 10 HU times 9 / 24 times the factor.
    assert strength.factor * 10 * 9 / 24 == pytest.approx(50.565, abs=0.5)
    moved = changed.hu() - scan.hu()
    assert np.array_equal(moved[18], 2 * moved[9]) or abs(moved[18] - 2 * moved[9]).max() <= 1


def test_random_signs_meet_it_between_two_whole_values(scan: Scan) -> None:
    strength, changed = bring(scan, own_perturbation(RandomSign(), scan), POSITIONS, 50.565)
    assert strength.square_rmse_hu == pytest.approx(50.565, abs=CLOSE_HU)
    assert set(np.unique(np.abs(changed.hu() - scan.hu()))) == {50.0, 51.0}


def test_a_constant_is_the_nearest_value_that_can_be_stored(scan: Scan) -> None:
    strength, _ = bring(scan, own_perturbation(Offset(), scan), POSITIONS, 50.565)
    assert strength.square_rmse_hu == 51
    assert strength.factor == pytest.approx(5.0565)


def test_what_would_become_padding_stays_and_the_factor_makes_up_for_it() -> None:
    hu = np.full((24, 72, 72), -1000, np.int16)
    hu[:, ::2] = -800
    scan = Scan.from_hu(hu, (2.0, 1.0, 1.0), plausible=False)
    strength, changed = bring(scan, own_perturbation(RandomSign(), scan), POSITIONS, 50.565)
    assert strength.square_rmse_hu == pytest.approx(50.565, abs=CLOSE_HU)
    # A quarter of the voxels, half of the dark half, would fall below air.
    assert strength.factor == pytest.approx(5.0565 / 0.75**0.5, rel=0.02)
    assert changed.hu().min() >= -1024


def test_what_moves_nothing_cannot_be_brought_anywhere(scan: Scan) -> None:
    with pytest.raises(MitsganError, match="nothing moves where the scan is attacked"):
        bring(scan, own_perturbation(Offset(0.0), scan), POSITIONS, 50.565)
