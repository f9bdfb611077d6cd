"""The mark as a layer: strength, budget, slabs, and its room beside a protector."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from mitsgan.errors import BudgetError
from mitsgan.mark import Key, Mark, WithMark
from mitsgan.perturb import Budget, apply_perturbations
from mitsgan.phantom.chest import chest
from mitsgan.protect import Offset, RandomSign
from mitsgan.scan.scan import Scan

KEY = Key(bytes(range(32)))


@pytest.fixture(scope="module")
def scan() -> Scan:
    return chest((12, 128, 128), (3.0, 2.8, 2.8), seed=2)


def test_the_strength_is_what_was_asked_for_over_the_body(scan: Scan) -> None:
    for strength in (1.5, 3.0):
        added = Mark(KEY, "x", strength).perturbation(scan, 0, 12, Budget(50))
        body = scan.hu() > -950
        assert np.sqrt((added[body] ** 2).mean()) == pytest.approx(strength, rel=0.15)


def test_lung_is_marked_more_strongly_and_a_nodule_in_it_changes_nothing(scan: Scan) -> None:
    mark, budget = Mark(KEY, "x"), Budget(50)
    hu = scan.hu()
    aerated = ndimage.uniform_filter(hu, (1, 9, 9)) < -700
    aerated &= ndimage.binary_erosion(hu > -960, np.ones((1, 5, 5)))
    soft = ndimage.uniform_filter(hu, (1, 13, 13)) > -50
    amplitude = mark.amplitude(scan, 0, 12, budget)
    assert amplitude[aerated].mean() > 1.5 * amplitude[soft].mean()
    z, y, x = np.argwhere(aerated)[len(np.argwhere(aerated)) // 2]
    stored = scan.stored.copy()
    stored[z, y - 2 : y + 3, x - 2 : x + 3] = 40 - scan.intercept[0]
    after = mark.amplitude(scan.with_stored(stored), 0, 12, budget)
    assert after[z, y, x] == pytest.approx(amplitude[z, y, x], rel=0.1)


def test_the_mark_takes_half_of_the_budget_at_most(scan: Scan) -> None:
    added = Mark(KEY, "x", 30.0).perturbation(scan, 0, 12, Budget(6))
    assert np.abs(added).max() <= 3.0


def test_slabs_do_not_change_the_mark(scan: Scan) -> None:
    mark = Mark(KEY, "x")
    whole = apply_perturbations(scan, [mark], Budget(10), slab=12)
    for slab in (1, 5):
        parts = apply_perturbations(scan, [mark], Budget(10), slab=slab)
        np.testing.assert_array_equal(parts.scan.stored, whole.scan.stored)


def test_padding_is_left_alone_and_the_budget_holds(scan: Scan) -> None:
    mark = Mark(KEY, "x")
    done = apply_perturbations(scan, [WithMark(mark, (RandomSign(10),))], Budget(10))
    moved = done.scan.stored.astype(int) - scan.stored
    assert np.abs(moved).max() <= 10
    assert not moved[scan.is_padding()].any()


@pytest.mark.parametrize("offset_hu", [10, -10])
def test_a_full_budget_leaves_the_mark_its_room(scan: Scan, offset_hu: float) -> None:
    # The version before: its signs do not hang on what the offset makes of the content.
    mark, full = Mark(KEY, "x", version=2), Offset(offset_hu)
    wanted = mark.perturbation(scan, 0, 12, Budget(10))
    inside = ~scan.is_padding() & (scan.hu() > -950)

    def kept(layers: list[Offset | WithMark | Mark]) -> float:
        done = apply_perturbations(scan, layers, Budget(10)).scan.hu() - scan.hu()
        rest = done - done[inside].mean()
        return float((rest * wanted)[inside].sum() / np.square(wanted[inside]).sum())

    assert kept([full, mark]) < 0.6
    assert kept([WithMark(mark, (full,))]) > 0.9


def test_what_leaves_the_mark_its_room_is_not_held_back(scan: Scan) -> None:
    mark, budget, small = Mark(KEY, "x", version=2), Budget(10), Offset(1)
    both = WithMark(mark, (small, Offset(-0.25))).perturbation(scan, 0, 12, budget)
    alone = mark.perturbation(scan, 0, 12, budget)
    padding = scan.is_padding()
    np.testing.assert_allclose((both - alone)[~padding], 0.75, atol=1e-5)
    np.testing.assert_array_equal(both[padding], alone[padding])


@pytest.mark.parametrize("strength", [0.0, -1.0, float("nan")])
def test_a_strength_must_be_positive(strength: float) -> None:
    with pytest.raises(BudgetError, match="above 0"):
        Mark(KEY, "x", strength)
