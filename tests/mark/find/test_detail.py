"""Whole numbers give what floats give; and both what is said plainly, voxel by voxel."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mitsgan.mark.find.detail import Detail, clipped
from mitsgan.mark.strength import block_sums, local_noise
from mitsgan.scan.scan import Geometry, Scan


def scan_of(stored: NDArray[np.generic], intercept: float, slope: float = 1.0) -> Scan:
    per_slice = np.ones(len(stored))
    geometry = Geometry((2.0, 0.7, 0.7))
    return Scan(stored, slope * per_slice, intercept * per_slice, -32768, 65535, geometry)


def looked_at(scan: Scan) -> tuple[NDArray[np.float32], ...]:
    """Mean, noise and units of the first slice."""
    sides = [-(-n // 4) * 4 for n in scan.shape[1:]]
    values, offset = clipped(scan, 0, (slice(0, sides[0]), slice(0, sides[1])))
    detail = Detail((sides[0], sides[1]))
    detail.look_at(values, offset)
    units = np.empty((sides[0] // 2, sides[1] // 2), np.float32)
    return detail.mean(), detail.noise(), detail.units(0.6, 0.5, units)


@given(
    st.integers(0, 2**32 - 1),
    st.tuples(st.integers(1, 19), st.integers(1, 19)),
    st.sampled_from(
        [(np.int16, 0), (np.int16, -1024), (np.int16, 6000), (np.uint16, -1024), (np.uint16, 0),
         (np.int32, -8192), (np.uint8, 0), (np.uint8, 2000), (np.int16, 20000), (np.int8, -7000)]
    ),
)  # fmt: skip
def test_whole_numbers_give_what_floats_give(
    seed: int, shape: tuple[int, int], kind: tuple[type[np.integer], int]
) -> None:
    dtype, intercept = kind
    hu = np.random.default_rng(seed).normal(0, 900, (1, *shape))
    holds = np.iinfo(dtype)
    stored = np.rint(hu - intercept).clip(holds.min, holds.max).astype(dtype)
    floats = scan_of(stored.astype(np.float64), intercept)
    for one, other in zip(looked_at(scan_of(stored, intercept)), looked_at(floats), strict=True):
        np.testing.assert_array_equal(one, other)


def test_integers_are_computed_as_such_only_where_they_are_hu() -> None:
    stored = np.random.default_rng(0).integers(0, 2000, (1, 8, 12)).astype(np.int16)
    everything = (slice(0, 8), slice(0, 12))
    assert clipped(scan_of(stored, -1024), 0, everything)[0].dtype == np.int16
    for scan in (scan_of(stored, -1024, 0.5), scan_of(stored, 0.25), scan_of(stored, -30000)):
        assert clipped(scan, 0, everything)[0].dtype == np.float32


def test_a_slice_is_told_as_the_rest_of_the_mark_tells_it() -> None:
    hu = np.rint(np.random.default_rng(1).normal(0, 60, (1, 12, 16)))
    mean, noise, units = looked_at(scan_of(hu.astype(np.int16), 0))
    flat = hu[0].astype(np.float32)
    np.testing.assert_array_equal(mean, block_sums(flat) / 16)
    np.testing.assert_array_equal(noise, local_noise(flat))
    assert units.shape == (6, 8)
    row, column = 2, 3
    wide = hu[0, 2 * row - 1 : 2 * row + 3, 2 * column - 1 : 2 * column + 3]
    along_y = np.array([-0.5, 1.5, -1.5, 0.5]) / 1.5
    along_x = np.array([-0.6, 1.6, -1.6, 0.6]) / 1.6
    assert units[row, column] == pytest.approx(along_y @ wide @ along_x, rel=1e-4)
