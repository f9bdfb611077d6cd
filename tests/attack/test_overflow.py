from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tests.attack.reference import repair_overflow
from torch.nn import functional as F

from mitsgan.attack.overflow import repair, repair_in_order


def _with_overflow(*voxels: tuple[int, int, int]) -> NDArray[np.float64]:
    hu = np.random.default_rng(2).normal(-700, 250, (12, 12, 12))
    for voxel in voxels:
        hu[voxel] = 2800
    return hu


def test_overflow_far_apart_is_repaired_as_published() -> None:
    hu = _with_overflow((0, 0, 0), (6, 6, 6), (11, 3, 11))
    ours = repair(torch.from_numpy(hu)[None])[0].numpy()
    np.testing.assert_allclose(ours, repair_overflow(hu), atol=1e-9)


def test_overflow_side_by_side_is_repaired_in_any_order() -> None:
    """Here the published order shows: its second voxel sees the first one's repair."""
    hu = _with_overflow((6, 6, 6), (6, 6, 7))
    ours = repair(torch.from_numpy(hu)[None])[0].numpy()
    published = repair_overflow(hu)
    assert abs(ours[6, 6, 6] - published[6, 6, 6]) < 1e-9
    seen = (2800 - published[6, 6, 6]) / 125
    assert abs(ours[6, 6, 7] - published[6, 6, 7] - seen) < 1e-9
    rest = np.ones_like(hu, bool)
    rest[6, 6, 6:8] = False
    np.testing.assert_array_equal(ours[rest], np.maximum(hu, -1000)[rest])


@pytest.mark.parametrize("share", [0.001, 0.1, 1.0])
def test_overflow_becomes_the_mean_of_its_neighbourhood(share: float) -> None:
    """To the last bit as it was pooled once: stored results were computed so."""
    hu = torch.randn(2, 9, 8, 7) * 250 - 700
    hu[torch.rand(hu.shape) < share] += 3500
    pooled = F.pad(hu, (2,) * 6, value=-1000.0)[:, None]
    for kernel in ((5, 1, 1), (1, 5, 1), (1, 1, 5)):
        pooled = F.avg_pool3d(pooled, kernel, stride=1)
    expected = torch.where(hu > 2000, pooled[:, 0], hu).clamp_min(-1000)
    assert torch.equal(repair(hu), expected)


def test_repair_is_differentiable() -> None:
    hu = torch.from_numpy(_with_overflow((2, 2, 2), (2, 2, 3), (5, 5, 5))[None, :6, :6, :6])
    assert torch.autograd.gradcheck(repair, (hu.contiguous().requires_grad_(True),))


def test_repair_leaves_the_valid_range_alone() -> None:
    hu = torch.tensor([-1000.0, -999.0, 0.0, 2000.0]).reshape(1, 1, 2, 2)
    assert torch.equal(repair(hu), hu)
    assert float(repair(torch.full((1, 2, 2, 2), -3000.0)).max()) == -1000


@pytest.mark.parametrize("share", [0.0, 0.02, 0.3])
def test_the_published_order_is_kept_item_by_item(share: float) -> None:
    rng = np.random.default_rng(4)
    hu = rng.normal(-700, 250, (2, 9, 8, 7))
    hu[rng.random(hu.shape) < share] = 2600
    ours = repair_in_order(torch.from_numpy(hu)).numpy()
    for cube, expected in zip(ours, hu, strict=True):
        np.testing.assert_allclose(cube, repair_overflow(expected), rtol=0, atol=1e-9)


def test_repair_in_order_is_differentiable() -> None:
    hu = torch.from_numpy(_with_overflow((2, 2, 2), (2, 2, 3), (3, 3, 3))[None, :6, :6, :6])
    assert torch.autograd.gradcheck(repair_in_order, (hu.contiguous().requires_grad_(True),))
