"""The detector's figures against plain counts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mitsgan.evaluate.statistics import RateRow, Spread, auc, dice, rate, spread

scores = st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), min_size=1, max_size=12)


@given(tampered=scores, untouched=scores)
def test_auc_is_the_share_of_pairs(tampered: list[float], untouched: list[float]) -> None:
    wins = sum((t > u) + 0.5 * (t == u) for t in tampered for u in untouched)
    assert auc(tampered, untouched) == pytest.approx(wins / len(tampered) / len(untouched))


def test_auc_knows_its_ends() -> None:
    assert auc([3, 2], [1, 0]) == 1
    assert auc([0, 1], [2, 3]) == 0
    assert auc([1, 1], [1]) == 0.5
    with pytest.raises(ValueError, match="both groups"):
        auc([], [1])


def test_dice_of_known_masks() -> None:
    a = np.array([True, True, True, False])
    assert dice(a, a) == 1
    assert dice(a, ~a) == 0
    assert dice(a, np.array([True, False, False, False])) == 0.5
    assert dice(~a & a, ~a & a) == 1, "nothing to find, nothing found"


def test_rates_have_wilsons_interval() -> None:
    # Wilson 1927, as in any textbook: 0 of 100 and 5 of 50.
    none = rate(0, 100)
    assert none.rate == 0
    assert none.interval_95 == pytest.approx([0, 0.0370], abs=1e-4)
    assert rate(5, 50).interval_95 == pytest.approx([0.0435, 0.2136], abs=1e-4)
    assert rate(0, 0) == RateRow(0, 0)


def test_spread_of_few_values() -> None:
    assert spread([1, 2, 6, 3]) == Spread(mean=3, median=2.5, lowest=1, highest=6)
