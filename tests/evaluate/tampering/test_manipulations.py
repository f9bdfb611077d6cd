"""Manipulations: what they say they changed is what changed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from mitsgan.errors import PositionError, ScanError
from mitsgan.evaluate.tampering.manipulations import (
    Manipulation,
    add_blob,
    copy_move,
    cube,
    keep_residual,
    paint_blob,
    splice,
)
from mitsgan.evaluate.tampering.slice_manipulations import (
    delete_slices,
    duplicate_slices,
    flip,
    reorder_slices,
)
from mitsgan.phantom.chest import chest
from mitsgan.scan.scan import Scan

HERE, THERE = (15, 30, 20), (18, 34, 42)


@pytest.fixture(scope="module")
def donor() -> Scan:
    return chest((32, 64, 64), (6.0, 5.6, 5.6), seed=9)


def manipulations(scan: Scan, donor: Scan) -> list[Manipulation]:
    return [
        copy_move(scan, HERE, THERE),
        splice(scan, donor, HERE),
        paint_blob(scan, HERE),
        add_blob(scan, HERE),
        duplicate_slices(scan, 10, 3),
        reorder_slices(scan, 10, 4),
        flip(scan),
    ]


def test_nothing_leads_back_to_a_file_and_nothing_else_changes(
    small_chest: Scan, donor: Scan
) -> None:
    before = small_chest.stored.copy()
    names = set()
    for forged in manipulations(small_chest, donor):
        names.add(forged.name)
        assert forged.scan.source is None
        assert forged.scan.geometry == small_chest.geometry
        assert forged.changed.shape == forged.scan.shape
        assert forged.changed.any()
        moved = forged.scan.stored != small_chest.stored
        assert moved[forged.changed].mean() > 0.2, forged.name
        if "blob" not in forged.name:  # whose changes fade out
            assert not moved[~forged.changed].any(), forged.name
    assert len(names) == 7
    np.testing.assert_array_equal(small_chest.stored, before)


def test_copy_move_copies(small_chest: Scan) -> None:
    forged = copy_move(small_chest, HERE, THERE, 24.0)
    source, target = cube(small_chest, HERE, 24.0), cube(small_chest, THERE, 24.0)
    np.testing.assert_array_equal(forged.scan.stored[target], small_chest.stored[source])
    assert forged.changed[target].all()
    assert forged.changed.sum() == small_chest.stored[target].size


def test_splice_takes_the_same_place(small_chest: Scan, donor: Scan) -> None:
    forged = splice(small_chest, donor, HERE)
    box = cube(small_chest, HERE, 20.0)
    np.testing.assert_array_equal(forged.scan.stored[box], donor.stored[box])
    other = replace(donor, geometry=replace(donor.geometry, spacing=(3.0, 5.6, 5.6)))
    with pytest.raises(ScanError, match="one spacing"):
        splice(small_chest, other, HERE)


def test_blobs_have_their_density_and_width(small_chest: Scan) -> None:
    painted = paint_blob(small_chest, HERE, 40.0, 24.0)
    assert painted.scan.hu()[HERE] == pytest.approx(40, abs=1)
    added = add_blob(small_chest, HERE, 800.0, 24.0)
    change = added.scan.hu() - small_chest.hu()
    assert change[HERE] == pytest.approx(800, abs=1)
    assert change[HERE[0] + 2, HERE[1], HERE[2]] == pytest.approx(400, abs=1), "12 mm away"
    assert change[added.changed].min() >= 399
    volume = added.changed.sum() * np.prod(small_chest.spacing)
    assert volume == pytest.approx(np.pi / 6 * 24**3, rel=0.25)


def test_a_kept_residual_is_the_old_one() -> None:
    rng = np.random.default_rng(0)
    before = rng.normal(-800, 30, (4, 40, 40)).astype(np.float32)
    after = np.full_like(before, 40)
    kept = keep_residual(before, after)
    assert kept.mean() == pytest.approx(40, abs=1), "new content"

    def residual(hu: NDArray[np.float32]) -> NDArray[np.float32]:
        middle = hu[:, 1:-1, 1:-1]
        return np.asarray(
            middle - (hu[:, 2:, 1:-1] + hu[:, :-2, 1:-1] + hu[:, 1:-1, 2:] + hu[:, 1:-1, :-2]) / 4
        )

    alike = np.corrcoef(residual(before).ravel(), residual(kept).ravel())[0, 1]
    assert alike > 0.95


def test_deleted_slices_close_up(small_chest: Scan) -> None:
    forged = delete_slices(small_chest, 10, 3)
    assert forged.scan.shape == (29, 64, 64)
    np.testing.assert_array_equal(forged.scan.stored[:10], small_chest.stored[:10])
    np.testing.assert_array_equal(forged.scan.stored[10:], small_chest.stored[13:])
    assert not forged.changed[:10].any()
    assert forged.changed[10:].all()


def test_slices_take_their_rescale_along(small_chest: Scan) -> None:
    slope = np.linspace(1, 2, 32)
    scaled = replace(small_chest, slope=slope)
    forged = reorder_slices(scaled, 5, 4)
    np.testing.assert_array_equal(forged.scan.hu(5, 9), scaled.hu(5, 9)[::-1])
    copied = duplicate_slices(scaled, 5, 2)
    for z in (5, 6):
        np.testing.assert_array_equal(copied.scan.hu(z, z + 1), scaled.hu(4, 5))


def test_flip_mirrors(small_chest: Scan) -> None:
    np.testing.assert_array_equal(flip(small_chest).scan.stored, small_chest.stored[:, :, ::-1])


@pytest.mark.parametrize("first, count", [(0, 2), (31, 1), (5, 27), (5, 0), (-1, 1)])
def test_slices_that_are_not_there_are_refused(small_chest: Scan, first: int, count: int) -> None:
    for manipulate in (delete_slices, duplicate_slices, reorder_slices):
        with pytest.raises(PositionError, match="slices"):
            manipulate(small_chest, first, count)


def test_a_cube_that_leaves_the_scan_is_refused(small_chest: Scan) -> None:
    with pytest.raises(PositionError, match="leaves the scan along y"):
        copy_move(small_chest, HERE, (15, 1, 20))
    with pytest.raises(PositionError, match="outside the scan along x"):
        paint_blob(small_chest, (15, 1, 64))


def test_a_blob_at_the_border_is_cut_off(small_chest: Scan) -> None:
    forged = add_blob(small_chest, (0, 30, 20), 500.0, 20.0)
    change = forged.scan.hu() - small_chest.hu()
    assert change[0, 30, 20] == pytest.approx(500, abs=1)
    assert change[1, 30, 20] == pytest.approx(500 * 2 ** -(0.6**2), abs=1)
