"""Protection computed in bfloat16, channels last, stores what float32 stores, but for rounding."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from mitsgan.perturb import Budget, apply_perturbations
from mitsgan.phantom.chest import chest
from mitsgan.protect import MitsGan
from mitsgan.scan.scan import Scan


@pytest.fixture(scope="module")
def phantom() -> Scan:
    return chest((24, 96, 96), (8.0, 3.8, 3.8), seed=3)


def stored(scan: Scan, dtype: torch.dtype) -> NDArray[np.int32]:
    layer = MitsGan.load()
    layer.network.to(dtype)
    assert layer.network.stem.weight.is_contiguous(memory_format=torch.channels_last_3d)
    return apply_perturbations(scan, [layer], Budget(10.0)).scan.stored.astype(np.int32)


def test_stored_values_are_those_of_float32_within_rounding(phantom: Scan) -> None:
    before = phantom.stored.astype(np.int32)
    full, half = (stored(phantom, dtype) for dtype in (torch.float32, torch.bfloat16))
    difference = np.abs(full - half)
    touched = (full != before) | (half != before)
    assert touched.mean() > 0.2  # of lungs and surroundings: there is something to compare
    assert (difference <= 1).mean() >= 0.999
    assert (difference[touched] <= 1).mean() >= 0.999
    assert (difference[touched] == 0).mean() >= 0.97
