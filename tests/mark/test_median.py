"""The median found by a sample is the median."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mitsgan.mark.median import median


@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([1, 2, 5, 1000, 32768, 50_001, 50_002]),
    st.sampled_from([0, 1, 3]),
)
def test_it_is_that_of_all_values(seed: int, size: int, decimals: int) -> None:
    values = np.random.default_rng(seed).normal(0, 3, size).round(decimals).astype(np.float32)
    before = values.copy()
    assert median(values) == np.median(values)
    np.testing.assert_array_equal(values, before)


@pytest.mark.parametrize("size", [70_000, 70_001])
def test_a_sample_that_misleads_changes_nothing(size: int) -> None:
    """Every value that the sample holds is the largest."""
    values = np.arange(size, dtype=np.float32)
    values[:: size // 4096] = 1e6
    assert median(values) == np.median(values)
