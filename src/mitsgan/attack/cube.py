"""Blocks cut out of a scan, and pasted back into it; whatever lies beyond its border.

A gradient of many blocks comes back as one gradient of the scan, into which all are added:
one array of the scan's size per batch, where slicing would make one per block.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor

from mitsgan.anatomy.places import block_start
from mitsgan.attack.resample import Triple

OUTSIDE_HU = -1000.0
"""What surrounds a scan. The published attacker pads with 0, that is water."""

_Box = tuple[slice, slice, slice]


def cut_blocks(
    volume: Tensor, centres: Sequence[Triple], size: Triple, outside: float = OUTSIDE_HU
) -> Tensor:
    """Blocks ``[b, *size]`` around ``centres`` of a volume ``[z, y, x]``, ``outside`` beyond it.

    A copy; differentiable in ``volume``.
    """
    starts = [block_start(centre, size) for centre in centres]
    return cast(Tensor, _Blocks.apply(volume, starts, size, outside))  # type: ignore[no-untyped-call]


def paste_block(volume: Tensor, block: Tensor, start: Sequence[int]) -> None:
    """Write a block ``[z, y, x]`` into a volume, in place; what would lie beyond it is dropped.

    Args:
        volume: ``[z, y, x]``; nothing outside the block is touched.
        block: of any size.
        start: voxel of the volume where the block's first voxel goes; may be negative.
    """
    inside, part = overlap(start, block.shape, volume.shape)
    volume[inside] = block[part]


def overlap(start: Sequence[int], size: Sequence[int], shape: Sequence[int]) -> tuple[_Box, _Box]:
    """Where a block and a volume of ``shape`` meet: as part of the volume, and of the block.

    Both are empty along an axis on which they miss each other.
    """
    inside, part = [], []
    for first, n, length in zip(start, size, shape, strict=True):
        low, high = min(max(first, 0), length), min(max(first + n, 0), length)
        inside.append(slice(low, high))
        part.append(slice(low - first, high - first))
    return (inside[0], inside[1], inside[2]), (part[0], part[1], part[2])


class _Blocks(torch.autograd.Function):
    """`cut_blocks` with a gradient that costs one array of the scan's size, however many blocks."""

    @staticmethod
    def forward(
        ctx: Any, volume: Tensor, starts: Sequence[Triple], size: Triple, outside: float
    ) -> Tensor:
        ctx.starts, ctx.shape = starts, volume.shape
        blocks = volume.new_full((len(starts), *size), outside)
        for block, start in zip(blocks, starts, strict=True):
            inside, part = overlap(start, size, volume.shape)
            block[part] = volume[inside]
        return blocks

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        (blocks,) = gradients
        gradient = blocks.new_zeros(ctx.shape)
        for block, start in zip(blocks, ctx.starts, strict=True):
            inside, part = overlap(start, block.shape, ctx.shape)
            gradient[inside] += block[part]
        return gradient, None, None, None
