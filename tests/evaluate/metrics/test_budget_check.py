"""Every voxel, the padding and the geometry of a protected scan are checked."""

from dataclasses import replace

import numpy as np
import pytest

from mitsgan.errors import ScanError
from mitsgan.evaluate.metrics.budget_check import check_budget, check_geometry, check_numbers
from mitsgan.perturb import Budget, apply_perturbations
from mitsgan.phantom.chest import PADDING_STORED
from mitsgan.protect import RandomSign
from mitsgan.scan.scan import Scan


@pytest.fixture(scope="module")
def protected(small_chest: Scan) -> Scan:
    return apply_perturbations(small_chest, [RandomSign(6.0)], Budget(6)).scan


def test_a_kept_budget(small_chest: Scan, protected: Scan) -> None:
    check = check_budget(small_chest, protected, Budget(6))
    padding = int(small_chest.is_padding().sum())
    assert check.kept
    assert (check.over, check.padding_moved, check.largest_hu) == (0, 0, 6)
    assert check.padding == padding > 0
    assert check.voxels == small_chest.stored.size - padding
    assert check.corners_mm == 0
    assert check_budget(small_chest, protected, Budget(5)).over > 0.9 * check.voxels


def test_a_budget_that_follows_the_noise_is_measured_on_the_original(small_chest: Scan) -> None:
    budget = Budget(30, 0.5)
    protected = apply_perturbations(small_chest, [RandomSign(25.0)], budget).scan
    check = check_budget(small_chest, protected, budget)
    assert check.kept
    assert check.noise_fraction == 0.5
    assert check.largest_hu is not None
    assert 10 < check.largest_hu <= 30
    assert check_budget(small_chest, protected, Budget(30, 0.4)).over > 0.5 * check.voxels
    # Noise that the protection added must not raise what it is allowed.
    doubled = apply_perturbations(protected, [RandomSign(25.0)], budget).scan
    assert not check_budget(small_chest, doubled, budget).kept


@pytest.mark.parametrize("z", [3, 15, 16, 20])
def test_one_voxel_beyond_it_is_found(small_chest: Scan, protected: Scan, z: int) -> None:
    """In whichever slab it lies."""
    stored = protected.stored.copy()
    stored[z, 30, 31] = small_chest.stored[z, 30, 31] + 17
    check = check_budget(small_chest, protected.with_stored(stored), Budget(6))
    assert (check.over, check.largest_hu, check.worst_voxel) == (1, 17, (z, 30, 31))
    assert check.worst_lps_mm == small_chest.geometry.to_world((z, 30, 31))
    assert not check.kept


def test_changed_padding_is_found(small_chest: Scan, protected: Scan) -> None:
    z, y, x = np.argwhere(small_chest.stored == PADDING_STORED)[7]
    stored = protected.stored.copy()
    stored[z, y, x] += 1
    check = check_budget(small_chest, protected.with_stored(stored), Budget(6))
    assert (check.over, check.padding_moved, check.kept) == (0, 1, False)


def test_a_voxel_that_is_no_number_is_beyond_any_budget(small_chest: Scan) -> None:
    floating = replace(small_chest, stored=small_chest.hu(), intercept=np.zeros(32), padding=None)
    broken = floating.stored.copy()
    broken[16, 32, 32] = np.nan
    check = check_budget(floating, floating.with_stored(broken), Budget(10))
    assert (check.over, check.largest_hu, check.worst_voxel) == (1, np.inf, (16, 32, 32))


def test_a_protected_scan_without_values_is_refused(small_chest: Scan) -> None:
    hu = small_chest.hu()
    hu[:, :4] = np.nan  # outside the field of view, in both
    floating = Scan.from_hu(hu, small_chest.spacing)
    check_numbers(floating, floating)
    broken = floating.stored.copy()
    broken[17, 32, 30:33] = np.nan
    where = ", ".join(f"{v:.1f}" for v in floating.geometry.to_world((17, 32, 30)))
    with pytest.raises(ScanError, match=rf"no number at 3 voxels .* at \({where}\) mm LPS"):
        check_numbers(floating, floating.with_stored(broken))


def test_another_grid_is_refused(small_chest: Scan) -> None:
    with pytest.raises(ScanError, match="differ in shape"):
        check_geometry(small_chest, small_chest.with_slices(small_chest.stored[:-1], 0, 31))
    geometry = small_chest.geometry
    x, y, z = geometry.origin
    near = replace(small_chest, geometry=replace(geometry, origin=(x + 0.01, y, z)))
    assert check_geometry(small_chest, near) == pytest.approx(0.01)
    shifted = replace(small_chest, geometry=replace(geometry, origin=(x, y + 3, z)))
    with pytest.raises(ScanError, match="lie in different places"):
        check_geometry(small_chest, shifted)
    wider = replace(small_chest, geometry=replace(geometry, spacing=(6.0, 5.6, 5.7)))
    with pytest.raises(ScanError, match=r"6 x 5\.6 x 5\.7 mm"):
        check_geometry(small_chest, wider)
