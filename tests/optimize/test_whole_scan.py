"""A perturbation optimised for a scan: within the budget, and starting from another one."""

from __future__ import annotations

import numpy as np
import pytest

from mitsgan.attack import Attacker
from mitsgan.optimize import Around, Ascent, Threat, optimize_scan
from mitsgan.perturb import Budget, apply_perturbations
from mitsgan.protect import Offset
from mitsgan.scan.scan import Scan

CENTRE = (14, 32, 32)


@pytest.fixture
def threat(scan: Scan, remover: Attacker) -> Threat:
    return Threat(remover, Around([CENTRE], scan.spacing, 2.0))


def test_the_budget_holds_and_where_no_attack_looks_nothing_changes(
    scan: Scan, threat: Threat
) -> None:
    layer = optimize_scan(scan, [threat], Budget(6.0), Ascent(steps=3))
    protected = apply_perturbations(scan, [layer], Budget(6.0))
    moved = protected.scan.hu() - scan.hu()
    assert 4 < protected.largest_hu <= 6
    np.testing.assert_array_equal(moved, layer.hu)
    assert (moved[:4] == 0).all()


def test_a_budget_that_follows_the_noise_holds(scan: Scan, threat: Threat) -> None:
    budget = Budget(30.0, 0.2)
    layer = optimize_scan(scan, [threat], budget, Ascent(steps=3))
    limits = budget.on(scan).limits(scan)
    assert (np.abs(layer.hu) <= limits).all()
    assert np.abs(layer.hu).max() >= 2


def test_it_starts_from_another_perturbation(scan: Scan, threat: Threat) -> None:
    layer = optimize_scan(scan, [threat], Budget(5.0), Ascent(steps=2), layer=Offset(3.0))
    assert (layer.hu[:4] == 3).all()
    assert (layer.hu[CENTRE[0]] != 3).any()


def test_voxels_without_a_value_do_no_harm(scan: Scan, threat: Threat) -> None:
    hu = scan.hu()
    hu[:, :2, :2] = np.nan
    holed = Scan(hu, scan.slope, scan.intercept, -2048, 4095, scan.geometry)
    layer = optimize_scan(holed, [threat], Budget(5.0), Ascent(steps=2))
    assert layer.hu.any()
    moved = apply_perturbations(holed, [layer], Budget(5.0)).scan.hu() - hu
    assert np.nanmax(np.abs(moved)) <= 5
