"""What a generator may not paint: voxels over 2000 HU, and voxels below -1000 HU."""

from __future__ import annotations

from functools import reduce

import torch
from torch import Tensor
from torch.nn import functional as F

OVERFLOW_HU, FLOOR_HU = 2000.0, -1000.0
_REACH = 2
"""Voxels on each side whose mean takes the place of an overflow: 5 x 5 x 5 of them."""
_WIDTH = 2 * _REACH + 1


def repair(hu: Tensor) -> Tensor:
    """Overflow (over 2000 HU) becomes the mean of its neighbourhood; nothing is below -1000.

    All voxels at once, so that the result does not depend on an order. ``[b, z, y, x]`` in HU.
    """
    over = hu.detach() > OVERFLOW_HU
    if bool(over.any()):
        hu = hu.masked_scatter(over, _means_around(hu, over))
    return hu.clamp_min(FLOOR_HU)


def _means_around(hu: Tensor, over: Tensor) -> Tensor:
    """Of the neighbourhoods of some voxels of ``[b, z, y, x]``, in their order, ``[n]``.

    Overflows are few: only their neighbours are looked at, not every voxel's.
    """
    padded = F.pad(hu, (_REACH,) * 6, value=FLOOR_HU)
    _, depth, height, width = padded.shape
    b, z, y, x = over.nonzero(as_tuple=True)
    first = ((b * depth + z) * height + y) * width + x
    side = torch.arange(_WIDTH, device=hu.device)
    offsets = (side[:, None, None] * height + side[:, None]) * width + side
    places = first[:, None] + offsets.flatten()
    means = padded.flatten().index_select(0, places.flatten()).view(-1, *offsets.shape)
    for _ in range(3):  # one axis after the other, as stored results were rounded
        means = reduce(torch.add, means.unbind(1)) / _WIDTH
    return means


def repair_in_order(hu: Tensor) -> Tensor:
    """The same as published: one voxel after the other, later ones seeing earlier repairs.

    In array order and in place, so that overflow side by side fades out towards one corner.
    Differentiable; the time is that of a Python loop over the voxels in question.
    """
    over = hu.detach() > OVERFLOW_HU
    if bool(over.any()):
        padded = F.pad(hu, (_REACH,) * 6, value=FLOOR_HU)
        for b, z, y, x in over.nonzero().tolist():
            mean = padded[b, z : z + _WIDTH, y : y + _WIDTH, x : x + _WIDTH].mean()
            padded[b, z + _REACH, y + _REACH, x + _REACH] = mean
        inner = slice(_REACH, -_REACH)
        hu = padded[:, inner, inner, inner]
    return hu.clamp_min(FLOOR_HU)
