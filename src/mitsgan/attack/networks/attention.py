"""Attention and normalisation, as several networks of attackers have them."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mitsgan.networks.convolution import Conv3d

_GROUPS = 4
_HEADS = 4


def group_norm(channels: int) -> nn.GroupNorm:
    """Over groups of channels; their number is a multiple of 4."""
    return nn.GroupNorm(_GROUPS, channels)


class Attention(nn.Module):
    """Self-attention over all voxels of a small grid, with a learned code for where each lies."""

    def __init__(self, channels: int, side: int) -> None:
        super().__init__()
        self.norm = group_norm(channels)
        self.place = nn.Parameter(0.02 * torch.randn(1, channels, side, side, side))
        self.qkv = Conv3d(channels, 3 * channels, 1)
        self.out = Conv3d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        b, c = x.shape[:2]
        q, k, v = (
            part.reshape(b, _HEADS, c // _HEADS, -1).transpose(2, 3)
            for part in self.qkv(self.norm(x + self.place)).chunk(3, 1)
        )
        seen = F.scaled_dot_product_attention(q, k, v)
        return x + cast(Tensor, self.out(seen.transpose(2, 3).reshape(x.shape)))
