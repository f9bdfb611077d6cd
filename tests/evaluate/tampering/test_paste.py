"""Blocks written into scans: where they go, and what stays."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mitsgan.evaluate.tampering.paste import paste, pasted_box
from mitsgan.scan.scan import Geometry, Scan


@given(start=st.tuples(*(st.integers(-9, 40),) * 3), seed=st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_a_block_goes_where_it_belongs(start: tuple[int, int, int], seed: int) -> None:
    scan = Scan(
        np.full((20, 22, 24), 100, np.int16),
        np.full(20, 2.0),
        np.full(20, -1000.0),
        -100,
        4000,
        Geometry((2.0, 1.0, 1.0)),
    )
    block = np.random.default_rng(seed).uniform(-900, 500, (6, 7, 8)).astype(np.float32)
    pasted = paste(scan, block, start).hu()
    expected = np.full((70, 70, 70), -800, np.float32)  # wide enough for any start
    z, y, x = (s + 10 for s in start)
    expected[z : z + 6, y : y + 7, x : x + 8] = block
    np.testing.assert_allclose(pasted, expected[10:30, 10:32, 10:34], atol=1.001)


def test_a_pasted_block_keeps_padding_and_range(small_chest: Scan) -> None:
    block = np.full((32, 64, 64), 1e6, np.float32)
    pasted = paste(small_chest, block, (0, 0, 0))
    padding = small_chest.is_padding()
    np.testing.assert_array_equal(pasted.stored[padding], small_chest.stored[padding])
    assert (pasted.stored[~padding] == small_chest.highest).all()


@pytest.mark.parametrize("start", [(3, 20, 20), (-2, 18, 40), (8, 5, 5)])
def test_a_box_is_pasted_into_as_the_whole_scan_is(
    small_chest: Scan, start: tuple[int, int, int]
) -> None:
    rng = np.random.default_rng(0)
    block = rng.normal(0, 3000, (9, 12, 30)).astype(np.float32)  # beyond what 12 bits hold, too
    box = (slice(2, 9), slice(10, 30), slice(15, 64))
    before = small_chest.hu()[box]
    kept = before.copy()
    after = pasted_box(small_chest, box, before, block, start)
    np.testing.assert_array_equal(after, paste(small_chest, block, start).hu()[box])
    np.testing.assert_array_equal(before, kept)
