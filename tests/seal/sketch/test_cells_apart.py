"""Shifted masks are SciPy's, whatever the shape; cells of like fragility are learned from alike."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from mitsgan.scan.scan import Scan
from mitsgan.seal.sketch import body, planes
from mitsgan.seal.sketch.alike import Alike, _order, _quantile
from mitsgan.seal.sketch.measure import _layer_sums
from mitsgan.seal.sketch.shifts import grown, largest_near, least_near

SHAPES = [(5, 6, 7), (1, 3, 1), (2, 1, 9)]


@pytest.mark.parametrize("shape", SHAPES)
def test_shifts_are_the_filters_of_three_cells(shape: tuple[int, int, int]) -> None:
    rng = np.random.default_rng(0)
    mask, values = rng.random(shape) < 0.1, rng.random(shape).astype(np.float32)
    every, in_plane = np.ones((3, 3, 3)), np.ones((1, 3, 3))
    np.testing.assert_array_equal(grown(mask), ndimage.binary_dilation(mask, every))
    np.testing.assert_array_equal(grown(mask, (1, 2)), ndimage.binary_dilation(mask, in_plane))
    most, least = (
        f(values, 3, mode="nearest") for f in (ndimage.maximum_filter, ndimage.minimum_filter)
    )
    np.testing.assert_array_equal(largest_near(values), most)
    np.testing.assert_array_equal(least_near(values), least)


def test_holes_are_filled_layer_by_layer() -> None:
    mask = np.random.default_rng(1).random((4, 20, 17)) < 0.6
    expected = np.stack([ndimage.binary_fill_holes(layer) for layer in mask])
    assert expected.sum() > mask.sum()
    np.testing.assert_array_equal(body._filled(mask), expected)


def test_layers_are_added_as_reduceat_does() -> None:
    slices = np.random.default_rng(2).normal(0, 500, (29, 40, 33)).astype(np.float32)
    for depth in range(1, 13):
        expected = np.add.reduceat(slices, np.arange(0, len(slices), depth))
        np.testing.assert_array_equal(_layer_sums(slices, depth), expected, str(depth))


def test_equal_fragilities_stay_in_order() -> None:
    values = np.random.default_rng(3).integers(0, 9, 500).astype(np.float32) / np.float32(7)
    np.testing.assert_array_equal(_order(values), np.argsort(values, kind="stable"))


def test_fragile_cells_stray_further() -> None:
    rng = np.random.default_rng(4)
    fragility = rng.uniform(0, 100, (20, 30, 30)).astype(np.float32)
    residual = (rng.normal(0, 1, fragility.shape) * (5 + fragility)).astype(np.float32)
    usual = Alike.of(fragility, fragility < 50).spread(residual).of(fragility)
    for least, most in ((5, 15), (40, 50), (90, 100)):
        here = (fragility > least) & (fragility < most)
        expected = 5 + fragility[here].mean()
        assert usual[here].mean() == pytest.approx(expected, rel=0.15)


@pytest.mark.parametrize("count", [14, 15, 1000, 40_001])
def test_quantiles_are_those_of_all_cells(count: int) -> None:
    rng = np.random.default_rng(count)
    fragility = rng.uniform(0, 50, (1, 1, count)).astype(np.float32)
    residual = (rng.normal(0, 1, fragility.shape) * (3 + fragility)).astype(np.float32)
    for share in (0.05, 0.5, 0.9, 0.95):
        assert _quantile(residual.ravel(), share) == np.quantile(residual, share)
        alike = Alike.of(fragility, fragility > 10)
        if len(alike.places):
            usual = alike.spread(residual)
            expected = np.quantile(usual.of(fragility[fragility > 10]), share)
            assert alike.quantile(usual, share) == expected


def test_of_too_few_cells_nothing_is_learned() -> None:
    fragility = np.ones((2, 2, 2), np.float32)
    alike = Alike.of(fragility, np.ones((2, 2, 2), bool))
    usual = alike.spread(1000 * fragility).of(fragility)
    np.testing.assert_array_equal(usual, np.float32(2))


@pytest.mark.parametrize("rows, expected", [(6, np.int16), (11, np.int32)])
def test_sums_of_12_bits_fit_where_cells_are_low(rows: int, expected: type) -> None:
    scan = Scan.from_hu(np.full((1, 12, 4), -1000, np.int16), (3.0, 1.0, 1.0), plausible=False)
    assert planes.sum_type(scan, rows) == expected
    stored = np.full((11, 4), 3071, np.int16)
    sums = planes.cell_sums(stored, (rows, 2), planes.sum_type(scan, rows))
    assert sums[0, 0] == 3071 * rows * 2


@pytest.mark.parametrize("cell", [(1, 3), (2, 128), (16, 16), (16, 17), (130, 2)])
def test_sums_of_the_largest_numbers_are_exact(cell: tuple[int, int]) -> None:
    rng = np.random.default_rng(5)
    plane = rng.choice(np.array([-32768, -32767, 32766, 32767], np.int16), (150, 301))
    plane[:40] = -32768
    wide = plane.astype(np.int64)
    blocks = [np.arange(0, n, side) for n, side in zip(plane.shape, cell, strict=True)]

    def added(values: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.add.reduceat(np.add.reduceat(values, blocks[0], 0), blocks[1], 1)

    edged = np.pad(wide, 1, mode="edge")
    across = edged[:, :-2] + 2 * edged[:, 1:-1] + edged[:, 2:]
    smooth = across[:-2] + 2 * across[1:-1] + across[2:]
    sums, changes = planes.sums_and_smoothing(plane, cell, np.dtype(np.int32))
    np.testing.assert_array_equal(sums, added(wide))
    np.testing.assert_array_equal(changes, added(smooth - 16 * wide))


@pytest.mark.parametrize("rows", [1, 5, 255, 256, 300, 520])
def test_bands_make_no_difference_to_the_median(rows: int) -> None:
    plane = np.random.default_rng(6).integers(-1000, 3000, (rows, 20), np.int16)
    expected = ndimage.median_filter(plane, 3, mode="nearest").astype(int)
    expected = np.add.reduceat(expected, np.arange(0, rows, 7), 0)
    expected = np.add.reduceat(expected, np.arange(0, 20, 6), 1)
    filtered = planes.MedianCellSums(20, (7, 6), plane.dtype, np.dtype(np.int16))(plane)
    np.testing.assert_array_equal(filtered, expected)
