import math
from dataclasses import replace

import numpy as np
import pytest

from mitsgan.errors import BudgetError
from mitsgan.protect import Budget
from mitsgan.scan.scan import Scan


@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf])
def test_only_a_finite_number_above_zero_is_a_budget(value: float) -> None:
    with pytest.raises(BudgetError, match="--max-hu"):
        Budget(value)


def test_steps_are_whole_stored_values_within_the_budget(small_chest: Scan) -> None:
    scan = replace(small_chest, slope=np.full(len(small_chest.stored), 0.4))
    assert set(Budget(1.0).steps(scan)) == {2}
    assert set(Budget(1.2).steps(scan)) == {3}


def test_a_budget_below_one_stored_step_is_refused(small_chest: Scan) -> None:
    scan = replace(small_chest, slope=np.full(len(small_chest.stored), 4.0))
    with pytest.raises(BudgetError, match="smaller than one stored step"):
        Budget(3.9).steps(scan)
