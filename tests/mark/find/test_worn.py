"""What tells wear from paint."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from mitsgan.mark.find.settings import Detector
from mitsgan.mark.find.wear.worn import between, by_detail, has_holes, is_flat_everywhere

SPACING = (2.5, 1.0, 1.0)
SETTINGS = Detector()


def test_flat_blocks_are_wear_all_over_and_paint_in_one_place() -> None:
    body = np.ones((64, 60, 60), np.bool_)
    detail, expected = np.ones(body.shape, np.float32), np.full(body.shape, 4, np.float32)
    noise = 2 * np.random.default_rng(0).normal(size=body.shape)

    def told(left: float, inside: NDArray[np.bool_] = body) -> bool:
        kept = np.where(detail < 0.25, left, 1)
        products = (kept * expected + noise).astype(np.float32)
        return is_flat_everywhere(detail, products, expected, inside, SPACING, SETTINGS)

    assert not told(0)
    detail[10:26, 20:30, 20:30] = 0.01
    assert not told(0), "a cube of 40 mm"
    detail[:, ::7, ::7] = 0.1
    assert told(0.4)
    assert not told(1.0), "smooth before it was marked"
    assert not told(0.4, body & (detail > 0.25)), "outside the body"


@pytest.mark.parametrize("slices", [1, 2])
def test_holes_in_single_slices_are_wear_and_deep_ones_paint(slices: int) -> None:
    rng = np.random.default_rng(0)
    expected = np.full((30, 40, 40), 4, np.float32)
    kept = np.ones(expected.shape, np.float32)
    marked = np.ones(30, np.bool_)
    kept[3:12, 10:20, 10:20] = 0
    kept[20:, :, :] = 0.1

    def told() -> bool:
        noise = 2 * rng.normal(size=expected.shape)
        products = (kept * expected + noise).astype(np.float32)
        return has_holes(products, expected, expected, marked, SPACING, SETTINGS)

    assert not told()
    for z in (14, 17)[:slices]:
        kept[z, 10:20, 20:30] = 0
    assert told() == (slices == 2)
    marked[[14, 17]] = False
    assert not told(), "slices that were replaced are no wear"


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
