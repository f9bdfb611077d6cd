"""Values that are HU are taken, whatever they show; values that are not are told by their cause."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mitsgan.errors import ScanError
from mitsgan.phantom.chest import chest
from mitsgan.scan import Geometry, Scan
from mitsgan.scan.plausible import check_plausible

Change = Callable[[NDArray[np.float32]], NDArray[Any]]


@pytest.fixture(scope="module")
def body() -> NDArray[np.float32]:
    """A chest with air around it and padding outside the circle, HU."""
    return chest((24, 96, 96), (8.0, 3.8, 3.8), seed=3).hu()


def _check(hu: NDArray[Any], dtype: Any = np.int16) -> None:
    check_plausible(Scan.of_image(np.rint(hu).astype(dtype), Geometry((8.0, 3.8, 3.8)), None), "it")


def _clipped(low: float, high: float) -> Change:
    return lambda hu: hu.clip(low, high)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda hu: hu, id="as it is"),
        pytest.param(_clipped(-1024, 3071), id="12 bits"),
        pytest.param(_clipped(-1000, 400), id="lung window"),
        pytest.param(_clipped(-160, 240), id="abdomen window"),
        pytest.param(_clipped(-200, 1000), id="bone window"),
        pytest.param(lambda hu: np.where(hu < -1500, -3024, hu), id="padding -3024"),
        pytest.param(lambda hu: np.where(hu < -1500, 0, hu), id="padding 0"),
        pytest.param(lambda hu: hu[:, 30:66, 20:44], id="cut to one lung"),
        pytest.param(lambda hu: hu[8:12, 40:60, 40:56], id="cut to the mediastinum"),
        pytest.param(lambda hu: hu + np.where(hu > 300, 2000, 0), id="metal for bone"),
        pytest.param(
            lambda hu: hu + (hu > -1500) * np.random.default_rng(0).normal(0, 60, hu.shape),
            id="low dose",
        ),
    ],
)
def test_scans_in_hu_are_taken(body: NDArray[np.float32], change: Change) -> None:
    _check(change(body))


@pytest.mark.parametrize(
    "change, cause",
    [
        (lambda hu: hu.clip(-1024) + 1024, "intercept was lost.*`hu_offset=-1024`"),
        (lambda hu: hu.clip(-1100) + 1000, "intercept was lost.*`hu_offset=-1000`"),
        (lambda hu: hu - 1024, "applied twice.*`hu_offset=1024`"),
        (lambda hu: hu - 1000, "applied twice.*`hu_offset=10"),
        (lambda hu: hu * 7, "cone-beam"),
        (lambda hu: (hu.clip(-1024) + 1024) * 12, "denser than bone|intercept was lost"),
        (lambda hu: hu.clip(-1000, 1000) / 10, "label map or a normalised image"),
        (lambda hu: hu > 0, "label map or a normalised image"),
        (lambda hu: hu.clip(-1024) + 1024 - (hu == hu.max()), "intercept was lost"),
    ],
)
def test_values_that_are_not_hu_are_told_by_their_cause(
    body: NDArray[np.float32], change: Change, cause: str
) -> None:
    with pytest.raises(ScanError, match=f"it holds values .*({cause})"):
        _check(change(body))


@pytest.mark.parametrize("shift", [-1024.0, -1000.0, 1000.0, 1024.0])
@pytest.mark.parametrize("noise", [4.0, 15.0, 45.0])
def test_the_offset_that_is_told_mends_it(
    body: NDArray[np.float32], shift: float, noise: float
) -> None:
    hu = np.where(body < -1500, -1000, body)
    hu = (hu + np.random.default_rng(1).normal(0, noise, hu.shape)).clip(-1090) + shift
    scan = Scan.of_image(np.rint(hu).astype(np.int16), Geometry((8.0, 3.8, 3.8)), None)
    with pytest.raises(ScanError, match="hu_offset") as caught:
        check_plausible(scan, "it")
    offset = float(str(caught.value).partition("hu_offset=")[2].partition("`")[0])
    assert offset == pytest.approx(-shift, abs=25)
    check_plausible(replace(scan, intercept=scan.intercept + offset), "it")


def test_what_holds_no_values_of_ct_at_all() -> None:
    with pytest.raises(ScanError, match="8-bit values"):
        _check(np.zeros((4, 4, 4)), np.uint8)
    with pytest.raises(ScanError, match="no finite value"):
        check_plausible(_floats(np.full((4, 4, 4), np.nan)), "it")
    with pytest.raises(ScanError, match="no CT scan has in HU"):
        check_plausible(_floats(np.linspace(-1e6, 1e6, 64).reshape(4, 4, 4)), "it")


def test_infinite_values_do_not_count(body: NDArray[np.float32]) -> None:
    hu: NDArray[Any] = body.copy()
    hu[0, :5] = np.nan
    hu[1, :5] = np.inf
    check_plausible(_floats(hu), "it")


def test_one_bad_voxel_far_from_the_grid_that_is_looked_at_counts(
    body: NDArray[np.float32],
) -> None:
    big = np.repeat(np.repeat(np.repeat(body, 2, 0), 2, 1), 2, 2)
    values = np.rint(big).astype(np.int32)
    values[1, 1, 1] = 200_000
    with pytest.raises(ScanError, match="to 200000, which no CT scan has"):
        _check(values, np.int32)


def _floats(hu: NDArray[Any]) -> Scan:
    return Scan.of_image(hu.astype(np.float32), Geometry((1.0, 1.0, 1.0)), None)
