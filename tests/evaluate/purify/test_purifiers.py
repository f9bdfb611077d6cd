"""Purifiers against plain statements of what they do, SciPy and Pillow."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from mitsgan.evaluate.purify import filters
from mitsgan.evaluate.purify.purifiers import (
    PURIFIERS,
    PurifierError,
    purifier,
    purify,
    purify_scan,
)
from mitsgan.files.io import read_scan
from mitsgan.scan.scan import Scan

SPACING = (2.5, 0.7, 0.8)
WANTED = (
    *("rounding", "jpeg-90", "jpeg-75", "jpeg2000-5", "jpeg2000-8", "jpeg2000-12"),
    *("blur-0.5mm", "blur-1voxel", "median", "resample-1mm", "slice-average-3"),
    *("non-local-means", "noise-10hu", "noise-20hu"),
)


@pytest.fixture
def hu(small_chest: Scan) -> NDArray[np.float32]:
    """Eight slices of the phantom without padding, ``[8, 64, 64]``."""
    return small_chest.hu(12, 20).clip(-1024)


def test_the_table_is_the_documented_one() -> None:
    assert tuple(PURIFIERS) == WANTED
    page = (Path(__file__).parents[3] / "docs" / "purifiers.md").read_text()
    missing = [name for name in WANTED if f"`{name}`" not in page]
    assert missing == []


@pytest.mark.parametrize("name", WANTED)
def test_each_keeps_shape_padding_and_its_input(hu: NDArray[np.float32], name: str) -> None:
    hu[:, :3] = -2000
    hu[2, 30, 30] = np.nan
    kept = hu.copy()
    result = purify(hu, SPACING, name, seed=3)
    assert result.shape == hu.shape
    assert result.dtype == np.float32
    np.testing.assert_array_equal(hu, kept)
    assert (result[:, :3] == -2000).all()
    assert np.isnan(result[2, 30, 30])
    rest = np.isfinite(result)
    assert rest.sum() == hu.size - 1
    moved = np.abs(result - hu)[rest]
    assert 0.5 < np.sqrt(np.mean(moved**2)) < 150
    np.testing.assert_array_equal(result, purify(hu, SPACING, name, seed=3))


@pytest.mark.parametrize("name", [name for name in WANTED if not name.startswith("noise")])
def test_what_is_flat_stays_flat(name: str) -> None:
    flat = np.full((5, 96, 80), -803.0, np.float32)
    result = purify(flat, SPACING, name)
    assert np.abs(result + 803).max() < 3.1, "more than half a grey level"


def test_rounding_has_the_steps_of_the_window() -> None:
    hu = np.linspace(-1024, 600, 5000, dtype=np.float32).reshape(1, 50, 100)
    result = purify(hu, SPACING, "rounding")
    inside = hu <= 150
    np.testing.assert_array_equal(result[~inside], hu[~inside])
    levels = (result[inside] + 1350) / (1500 / 255)
    np.testing.assert_allclose(levels, np.rint(levels), atol=1e-3)
    assert np.abs(result - hu).max() == pytest.approx(1500 / 255 / 2, rel=0.01)


def test_jpeg_is_that_of_the_window(hu: NDArray[np.float32]) -> None:
    file = BytesIO()
    gray = np.rint((hu[0].clip(-1350, 150) + 1350) * 255 / 1500).astype(np.uint8)
    Image.fromarray(gray).save(file, "JPEG", quality=75)
    decoded = np.asarray(Image.open(file)) * (1500 / 255) - 1350
    result = purify(hu, SPACING, "jpeg-75")[0]
    inside = hu[0] <= 150
    np.testing.assert_allclose(result[inside], decoded[inside], atol=1e-3)
    np.testing.assert_array_equal(result[~inside], hu[0][~inside])
    errors = [np.std(purify(hu, SPACING, f"jpeg-{q}") - hu) for q in (90, 75)]
    assert errors[0] < errors[1]


def test_jpeg_2000_loses_more_at_a_higher_ratio() -> None:
    rng = np.random.default_rng(0)
    hu = ndimage.gaussian_filter(rng.normal(-700, 200, (2, 128, 128)), (0, 1, 1))
    hu = hu.astype(np.float32)
    hu[:, 60:64, 60:64] = 3500  # twelve bits cannot hold it
    errors = []
    for ratio in (5, 8, 12):
        result = purify(hu, SPACING, f"jpeg2000-{ratio}")
        assert (result[:, 60:64, 60:64] == 3500).all()
        errors.append(float(np.std(result - hu)))
    assert errors == sorted(errors)
    assert 0.5 < errors[0] < errors[2] < 40


@pytest.mark.parametrize("name, sigma", [("blur-0.5mm", 0.5), ("blur-1voxel", None)])
def test_blur_spreads_a_point_as_a_gaussian_does(name: str, sigma: float | None) -> None:
    voxels = [sigma / s for s in SPACING] if sigma else (0.0, 1.0, 1.0)
    point = np.zeros((9, 21, 21), np.float32)
    point[4, 10, 10] = 10_000
    expected = np.full(point.shape, 10_000.0)
    for axis, (width, n) in enumerate(zip(voxels, point.shape, strict=True)):
        away = np.arange(n) - n // 2
        bell = np.exp(-0.5 * (away / max(width, 1e-6)) ** 2) * (abs(away) <= 4 * width + 0.5)
        expected *= (bell / bell.sum()).reshape([-1 if a == axis else 1 for a in range(3)])
    np.testing.assert_allclose(purify(point, SPACING, name), expected, atol=2e-3)


def test_median_is_scipys(hu: NDArray[np.float32]) -> None:
    expected = ndimage.median_filter(hu, (1, 3, 3), mode="nearest")
    np.testing.assert_array_equal(purify(hu, SPACING, "median"), expected)


def test_slice_average_is_the_mean_of_neighbours(hu: NDArray[np.float32]) -> None:
    wide = np.concatenate([hu[:1], hu, hu[-1:]]).astype(np.float64)
    expected = (wide[:-2] + wide[1:-1] + wide[2:]) / 3
    np.testing.assert_allclose(purify(hu, SPACING, "slice-average-3"), expected, atol=2e-3)


def test_resampling_is_scipys(hu: NDArray[np.float32]) -> None:
    def sampled(
        volume: NDArray[np.float64], places: list[NDArray[np.float64]]
    ) -> NDArray[np.float64]:
        grid = np.meshgrid(*places, indexing="ij")
        return np.asarray(ndimage.map_coordinates(volume, grid, order=1, mode="nearest"))

    size = [int(np.ceil((n - 1) * s)) + 1 for n, s in zip(hu.shape, SPACING, strict=True)]
    there = sampled(
        hu.astype(np.float64), [np.arange(n) / s for n, s in zip(size, SPACING, strict=True)]
    )
    expected = sampled(there, [np.arange(n) * s for n, s in zip(hu.shape, SPACING, strict=True)])
    inside = (slice(-1), slice(-1), slice(-1))  # at the far edge the two extend differently
    result = purify(hu, SPACING, "resample-1mm")
    np.testing.assert_allclose(result[inside], expected[inside], atol=1e-2)
    assert np.abs(result - expected).max() < 60


def test_non_local_means_pixel_by_pixel() -> None:
    """As scikit-image does it: a patch lacks its first row and column, its area does not; its
    exponential is a fast one, a few per cent off.
    """
    rng = np.random.default_rng(1)
    hu = rng.normal(-800, 30, (1, 12, 14)).astype(np.float32)
    wide = np.pad(hu[0], 6, mode="edge").astype(np.float64)
    expected = np.empty((12, 14))
    for y in range(12):
        for x in range(14):
            here = wide[y + 5 : y + 9, x + 5 : x + 9]
            total = weights = 0.0
            for dy in range(-4, 5):
                for dx in range(-4, 5):
                    there = wide[y + 5 + dy : y + 9 + dy, x + 5 + dx : x + 9 + dx]
                    apart = float(np.sum((here - there) ** 2 - 2 * 20.0**2)) / 25
                    exponent = max(apart, 0) / 20.0**2
                    weight = np.exp(-exponent) if exponent <= 5 else 0.0
                    total += weight * wide[y + 6 + dy, x + 6 + dx]
                    weights += weight
            expected[y, x] = total / weights
    np.testing.assert_allclose(filters.non_local_means(hu, 20.0)[0], expected, atol=0.5)


def test_noise_has_its_strength_and_its_seed() -> None:
    flat = np.zeros((4, 100, 100), np.float32)
    for sigma in (10, 20):
        noise = purify(flat, SPACING, f"noise-{sigma}hu", seed=1)
        assert noise.std() == pytest.approx(sigma, rel=0.02)
        assert abs(noise.mean()) < 0.05 * sigma
        assert abs(np.corrcoef(noise[0].ravel(), noise[1].ravel())[0, 1]) < 0.05
        assert not np.array_equal(noise, purify(flat, SPACING, f"noise-{sigma}hu", seed=2))


def test_a_scan_keeps_its_padding_and_range(small_chest: Scan) -> None:
    tight = replace(small_chest, highest=float(small_chest.stored.max()))
    result = purify_scan(tight, "noise-20hu", seed=1)
    np.testing.assert_array_equal(result.is_padding(), tight.is_padding())
    padding = tight.is_padding()
    np.testing.assert_array_equal(result.stored[padding], tight.stored[padding])
    assert result.stored.max() <= tight.highest
    moved = (result.stored - tight.stored)[~padding & (tight.hu() > -900)]
    assert moved.std() == pytest.approx(20, rel=0.05)


@pytest.mark.parametrize("name", [name for name in WANTED if PURIFIERS[name].by_slice])
def test_by_slice_means_by_slice(hu: NDArray[np.float32], name: str) -> None:
    whole, part = purify(hu, SPACING, name), purify(hu[3:5], SPACING, name)
    np.testing.assert_array_equal(whole[3:5], part)


def test_an_unknown_purifier_is_refused() -> None:
    with pytest.raises(PurifierError, match=r"'holy water'.*rounding, jpeg-90"):
        purifier("holy water")


@pytest.mark.real_data
def test_jpeg_2000_at_its_ratio_on_a_real_slice(data: Path) -> None:
    scan = read_scan(data / "ct" / "lidc-0001")
    hu = scan.hu(60, 61)
    body = hu > -1000
    error = float(np.std((purify(hu, scan.spacing, "jpeg2000-8") - hu)[body]))
    assert 3 < error < 12, "some HU of error at 1.5 bits a pixel"
