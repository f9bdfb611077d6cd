"""A perturbation that is computed already: the same as the one it was made of, for one scan."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from numpy.typing import NDArray

from mitsgan.errors import BudgetError, ScanError
from mitsgan.perturb import Budget, Fixed, apply_perturbations
from mitsgan.protect import Offset, RandomSign
from mitsgan.scan.scan import Scan


@dataclass(frozen=True)
class Limits:
    """Asks for all that the budget allows, and notes for which slices it was asked."""

    asked: list[tuple[int, int]] = field(default_factory=list)

    def perturbation(
        self, scan: Scan, start: int, stop: int, budget: Budget
    ) -> NDArray[np.float32]:
        self.asked.append((start, stop))
        limits = budget.limits(scan, start, stop)
        return np.full((stop - start, *scan.shape[1:]), limits, np.float32)


def test_it_gives_what_it_was_made_of(small_chest: Scan) -> None:
    source, budget = RandomSign(seed=4), Budget(6.0)
    fixed = Fixed.of(source, small_chest, budget)
    assert fixed.hu.dtype == np.float32
    whole = source.perturbation(small_chest, 0, small_chest.shape[0], budget)
    np.testing.assert_array_equal(fixed.hu, whole)
    one, other = (
        apply_perturbations(small_chest, [layer], budget).scan.stored for layer in (source, fixed)
    )
    np.testing.assert_array_equal(one, other)


def test_every_slice_is_computed_once_with_the_noise_of_the_scan(small_chest: Scan) -> None:
    source, budget = Limits(), Budget(30.0, 0.5)
    fixed = Fixed.of(source, small_chest, budget)
    asked = sorted(source.asked)
    assert [z for start, stop in asked for z in range(start, stop)] == list(range(32))
    np.testing.assert_array_equal(fixed.hu, budget.on(small_chest).limits(small_chest))
    apply_perturbations(small_chest, [fixed], budget)
    assert sorted(source.asked) == asked


def test_it_is_for_one_scan_alone(small_chest: Scan) -> None:
    fixed = Fixed(np.zeros((3, 4, 5), np.int16))
    with pytest.raises(ScanError, match=r"made for a scan of shape \(3, 4, 5\)"):
        fixed.perturbation(small_chest, 0, 2, Budget())


def test_a_budget_below_one_stored_step_is_refused(small_chest: Scan) -> None:
    with pytest.raises(BudgetError, match="stored step"):
        Fixed.of(Offset(), small_chest, Budget(0.1))


def test_whole_hu_as_integers_do_as_well(small_chest: Scan) -> None:
    wanted = np.random.default_rng(0).integers(-5, 6, small_chest.shape).astype(np.int16)
    results = [
        apply_perturbations(small_chest, [Fixed(hu)], Budget(), slab=slab).scan.stored
        for hu, slab in ((wanted, 32), (wanted, 5), (wanted.astype(np.float32), 5))
    ]
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])
