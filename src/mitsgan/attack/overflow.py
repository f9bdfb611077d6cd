"""What a generator may not paint: voxels over 2000 HU, and voxels below -1000 HU."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

OVERFLOW_HU, FLOOR_HU = 2000.0, -1000.0
_REACH = 2
"""Voxels on each side whose mean takes the place of an overflow: 5 x 5 x 5 of them."""


def repair(hu: Tensor) -> Tensor:
    """Overflow (over 2000 HU) becomes the mean of its neighbourhood; nothing is below -1000.

    All voxels at once, so that the result does not depend on an order. ``[b, z, y, x]`` in HU.
    """
    over = hu.detach() > OVERFLOW_HU
    if bool(over.any()):
        mean = F.pad(hu[:, None], (_REACH,) * 6, value=FLOOR_HU)
        width = 2 * _REACH + 1
        for axis in range(3):  # one axis after the other: 15 additions a voxel instead of 125
            kernel = tuple(width if axis == a else 1 for a in range(3))
            mean = F.avg_pool3d(mean, kernel, stride=1)
        hu = torch.where(over, mean[:, 0], hu)
    return hu.clamp_min(FLOOR_HU)


def repair_in_order(hu: Tensor) -> Tensor:
    """The same as published: one voxel after the other, later ones seeing earlier repairs.

    In array order and in place, so that overflow side by side fades out towards one corner.
    Differentiable; the time is that of a Python loop over the voxels in question.
    """
    over = hu.detach() > OVERFLOW_HU
    if bool(over.any()):
        padded = F.pad(hu, (_REACH,) * 6, value=FLOOR_HU)
        width = 2 * _REACH + 1
        for b, z, y, x in over.nonzero().tolist():
            mean = padded[b, z : z + width, y : y + width, x : x + width].mean()
            padded[b, z + _REACH, y + _REACH, x + _REACH] = mean
        inner = slice(_REACH, -_REACH)
        hu = padded[:, inner, inner, inner]
    return hu.clamp_min(FLOOR_HU)
