from dataclasses import replace

import numpy as np
import pytest

from mitsgan.perturb import Budget, apply_perturbations
from mitsgan.protect import Offset, RandomSign
from mitsgan.scan.scan import Scan


@pytest.mark.parametrize("rms", [0.5, 1.0, 6.3, 8.37, 10.0])
def test_random_signs_keep_their_rms_on_stored_values(small_chest: Scan, rms: float) -> None:
    result = apply_perturbations(small_chest, [RandomSign(rms)], Budget(10))
    assert result.rms_hu == pytest.approx(rms, rel=0.02)
    moved = result.scan.hu() - small_chest.hu()
    assert abs(float(moved.mean())) < 0.1


@pytest.mark.parametrize("step", [0.06, 0.5, 0.7, 2.5, 4.0])
def test_random_signs_keep_their_rms_whatever_a_stored_step_is_worth(
    small_chest: Scan, step: float
) -> None:
    stored = np.rint((small_chest.hu() + 1024) / step).astype(np.int16)
    slope = np.full(len(stored), step)
    scan = replace(small_chest, stored=stored, slope=slope, intercept=0 * slope - 1024)
    for rms in (1.9, 4.38):
        result = apply_perturbations(scan, [RandomSign(rms)], Budget(10))
        assert result.rms_hu == pytest.approx(rms, rel=0.02)


def test_random_signs_depend_on_seed_and_slice_alone(small_chest: Scan) -> None:
    budget = Budget(10)
    one = RandomSign(5.0, 3)
    whole = one.perturbation(small_chest, 0, 6, budget)
    np.testing.assert_array_equal(whole[2:4], one.perturbation(small_chest, 2, 4, budget))
    assert (whole != RandomSign(5.0, 4).perturbation(small_chest, 0, 6, budget)).mean() > 0.4
    assert (whole[0] != whole[1]).mean() > 0.4


def test_an_offset_is_the_same_everywhere_and_bounded(small_chest: Scan) -> None:
    assert set(Offset(4.0).perturbation(small_chest, 0, 2, Budget(10)).ravel()) == {4.0}
    assert set(Offset(-40.0).perturbation(small_chest, 0, 2, Budget(10)).ravel()) == {-10.0}
