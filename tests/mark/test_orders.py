"""The mark belongs to places in the patient, not to the order of axes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.scan.test_order import ALL

from mitsgan.mark import Key
from mitsgan.mark.embed import Mark
from mitsgan.perturb import Budget, apply_perturbations
from mitsgan.scan import Scan
from mitsgan.scan.canonical import canonical, reordered
from mitsgan.scan.order import AxisOrder


@pytest.mark.parametrize("order", ALL[1::5])
def test_the_same_voxels_move_at_the_same_places(small_chest: Scan, order: AxisOrder) -> None:
    mark = Mark(Key(bytes(range(32))), "one series")
    expected = apply_perturbations(small_chest, [mark], Budget(10.0)).scan.stored
    other = replace(reordered(small_chest, order), order=AxisOrder())
    result = apply_perturbations(other, [mark], Budget(10.0)).scan
    assert result.geometry == other.geometry
    np.testing.assert_array_equal(canonical(result).stored, expected)
    assert (expected != small_chest.stored).mean() > 0.1
