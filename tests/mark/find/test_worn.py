"""What tells wear from paint."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from mitsgan.mark.find.settings import Detector
from mitsgan.mark.find.wear.worn import between, by_detail, worn_flat, worn_holes

SPACING = (2.5, 1.0, 1.0)
SETTINGS = Detector()


def flat_scan(
    left: float, share: int = 7, seed: int = 0, body: NDArray[np.bool_] | None = None
) -> float:
    """How worn a scan counts whose flat blocks, one in ``share`` squared, kept so much mark."""
    body = np.ones((64, 60, 60), np.bool_) if body is None else body
    detail, expected = np.ones(body.shape, np.float32), np.full(body.shape, 4, np.float32)
    detail[:, ::share, ::share] = 0.1
    noise = 2 * np.random.default_rng(seed).normal(size=body.shape)
    kept = np.where(detail < 0.25, left, 1)
    products = (kept * expected + noise).astype(np.float32)
    return worn_flat(detail, products, expected, body, SPACING, SETTINGS)


def test_flat_blocks_are_wear_all_over_and_paint_in_one_place() -> None:
    body = np.ones((64, 60, 60), np.bool_)
    detail, expected = np.ones(body.shape, np.float32), np.full(body.shape, 4, np.float32)
    detail[10:26, 20:30, 20:30] = 0.01
    kept = np.where(detail < 0.25, 0, 1)
    products = (kept * expected).astype(np.float32)
    assert worn_flat(detail, products, expected, body, SPACING, SETTINGS) == 0, "a cube of 40 mm"
    assert flat_scan(0.3) == 1
    assert flat_scan(1.0) == 0, "smooth before it was marked"
    sharp = body.copy()
    sharp[:, ::7, ::7] = False
    assert flat_scan(0.3, body=sharp) == 0, "outside the body"
    assert flat_scan(0.3, body=np.zeros_like(body)) == 0, "no body at all"


def test_wear_grows_with_what_is_missing() -> None:
    worn = [flat_scan(left) for left in (0.8, 0.7, 0.65, 0.6, 0.4)]
    assert worn == sorted(worn)
    assert worn[0] == 0
    assert worn[-1] == 1
    assert any(0 < one < 1 for one in worn)


def test_few_flat_blocks_decide_nothing_whatever_the_key() -> None:
    # One block in 64: how much of its mark is left is hardly known, and hardly matters.
    worn = [flat_scan(0.74, 8, seed) for seed in range(20)]
    assert max(worn) < 0.3


def scan_with_holes(slices: Sequence[int], left: float = 0.0, seed: int = 0) -> float:
    """How worn a scan counts in a place of whose slices the mark is missing."""
    expected = np.full((30, 40, 40), 4, np.float32)
    kept = np.ones(expected.shape, np.float32)
    kept[3:12, 10:20, 10:20] = 0
    kept[20:, :, :] = 0.1
    kept[slices, 10:20, 20:30] = left
    noise = 2 * np.random.default_rng(seed).normal(size=expected.shape)
    products = (kept * expected + noise).astype(np.float32)
    marked = np.ones(30, np.bool_)
    return worn_holes(products, expected, expected, marked, SPACING, SETTINGS)


def test_holes_in_single_slices_are_wear_and_deep_ones_paint() -> None:
    assert scan_with_holes([]) == 0
    assert scan_with_holes([14]) == 0
    assert scan_with_holes([14, 17]) == 1
    few = np.ones((2, 8, 8), np.float32)
    assert worn_holes(few, few, few, np.ones(2, np.bool_), SPACING, SETTINGS) == 0


def test_slices_that_were_replaced_are_no_wear() -> None:
    expected = np.full((30, 40, 40), 4, np.float32)
    products = expected.copy()
    products[[14, 17]] = 0
    marked = np.ones(30, np.bool_)
    assert worn_holes(products, expected, expected, marked, SPACING, SETTINGS) == 1
    marked[[14, 17]] = False
    assert worn_holes(products, expected, expected, marked, SPACING, SETTINGS) == 0


def test_classes_of_detail_part_every_class() -> None:
    detail = np.array([0, 2**-6, 0.25, 1, 4, 1e9], np.float32)
    kind = np.array([0, 1, 2, 3, 4, 5], np.int16)
    count = SETTINGS.detail_classes
    parts = by_detail(detail, kind, SETTINGS)
    assert (parts // count).tolist() == kind.tolist()
    assert (parts % count).tolist() == [0, 0, 5, 8, 11, 12]


def test_what_is_left_lies_between_usual_and_measured() -> None:
    usual, power = np.full(3, 2.0), np.array([0.0, 10.0, 1e4])
    left = between(usual, 0.5 * power, power, 4 * power, SETTINGS)
    assert left[0] == 2
    assert 0.5 < left[1] < 2
    assert left[2] == pytest.approx(0.5, rel=0.02)
    assert between(usual, -9 * power, power, 4 * power, SETTINGS).min() == 0
