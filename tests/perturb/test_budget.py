import math
from dataclasses import replace

import numpy as np
import pytest

from mitsgan.errors import BudgetError
from mitsgan.perturb import Budget
from mitsgan.scan.scan import Scan


@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf, 1e21])
def test_only_a_finite_number_above_zero_is_a_budget(value: float) -> None:
    with pytest.raises(BudgetError, match="a `max_hu` such as 10"):
        Budget(value)
    with pytest.raises(BudgetError, match="a `noise_fraction` such as"):
        Budget(30, value)


@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf])
def test_the_least_is_a_number_of_hu(value: float) -> None:
    with pytest.raises(BudgetError, match="a `least_hu` such as"):
        Budget(30, 0.5, value)


def test_a_budget_below_one_stored_step_is_refused(small_chest: Scan) -> None:
    scan = replace(small_chest, slope=np.full(len(small_chest.stored), 4.0))
    with pytest.raises(BudgetError, match="give a larger `max_hu`"):
        Budget(3.9).on(scan)
    with pytest.raises(BudgetError, match="give a larger `noise_fraction`"):
        Budget(30, 0.001).on(scan)


def test_without_a_fraction_the_limit_is_one_number(small_chest: Scan) -> None:
    assert Budget(7).limits(small_chest) == 7.0


def test_limits_are_a_part_of_the_noise_and_never_over_the_cap(small_chest: Scan) -> None:
    budget = Budget(12.0, 0.5).on(small_chest)
    limits = budget.limits(small_chest, 3, 9)
    assert isinstance(limits, np.ndarray)
    assert limits.shape == (6, *small_chest.shape[1:])
    assert budget.noise is not None
    half = budget.noise.hu(3, 9) / 2
    np.testing.assert_allclose(limits, np.minimum(half, 12), rtol=1e-6)
    assert (half > 12).any()  # the cap acts somewhere
    assert (half < 12).any()


def test_no_limit_is_below_the_least(small_chest: Scan) -> None:
    free, least = Budget(12.0, 0.5).on(small_chest), Budget(12.0, 0.5, 4.5).on(small_chest)
    limits = np.asarray(free.limits(small_chest))
    assert (limits < 4.5).any()
    np.testing.assert_array_equal(least.limits(small_chest), np.maximum(limits, np.float32(4.5)))
    assert str(least) == "12 HU and 0.5 of the local noise, 4.5 HU at least"


def test_limits_depend_neither_on_slabs_nor_on_measuring_first(small_chest: Scan) -> None:
    budget = Budget(30.0, 0.5)
    whole, box = budget.limits(small_chest), (slice(8, 40), slice(16, None))
    bound = budget.on(small_chest)
    assert isinstance(whole, np.ndarray)
    np.testing.assert_array_equal(bound.limits(small_chest, 5, 11), whole[5:11])
    np.testing.assert_array_equal(bound.limits(small_chest, 5, 11, box), whole[5:11, 8:40, 16:])


def test_the_noise_of_another_scan_is_refused(small_chest: Scan) -> None:
    bound = Budget(30.0, 0.5).on(small_chest)
    other = small_chest.with_slices(small_chest.stored[:9], 0, 9)
    with pytest.raises(BudgetError, match="the noise of a scan of shape"):
        bound.limits(other)


def test_it_says_what_it_is() -> None:
    assert str(Budget(10)) == "10 HU"
    assert str(Budget(30, 0.5)) == "30 HU and 0.5 of the local noise"
