"""Attention as LeFusion's network has it: within each slice, and along the slices at each place.

All of it is added to its input, and normalises that over channels first.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

BUCKETS = 32
"""Distances between slices that have a bias of their own, half of them to each side."""

_NEAR = BUCKETS // 4  # slices up to here have a bucket each
_FARTHEST = 32  # slices; from here on all share the last one
_LONGEST_WAVE = 10_000.0


@dataclass(frozen=True)
class Heads:
    """How many heads attention has, and how many channels each."""

    count: int = 8
    channels: int = 32

    @property
    def total(self) -> int:
        """Channels of all heads together."""
        return self.count * self.channels


class ChannelNorm(nn.Module):
    """Mean zero and spread one over the channels of every voxel, times a learned gain."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(1, channels, 1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        variance, mean = torch.var_mean(x, 1, correction=0, keepdim=True)
        return (x - mean) / (variance + 1e-5).sqrt() * self.gain


class _Attention(nn.Module):
    """Attention among tokens ``[..., n, channels]``."""

    def __init__(self, channels: int, heads: Heads, *, biased: bool = False) -> None:
        super().__init__()
        self.heads = heads
        self.norm = ChannelNorm(channels)
        self.qkv = nn.Linear(channels, 3 * heads.total, bias=False)
        self.out = nn.Linear(heads.total, channels, bias=biased)

    def parts(self, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values, ``[..., heads, n, channels of a head]`` each."""
        parts = self.qkv(tokens).unflatten(-1, (3, self.heads.count, self.heads.channels))
        q, k, v = (part.transpose(-2, -3) for part in parts.unbind(-3))
        return q, k, v

    def joined(self, mixed: Tensor) -> Tensor:
        """Values that were mixed, of all heads, to tokens."""
        return cast(Tensor, self.out(mixed.transpose(-2, -3).flatten(-2)))

    def mix(self, tokens: Tensor, bias: Tensor | None = None, *, ordered: bool = False) -> Tensor:
        """The tokens' mixtures; ``ordered`` turns queries and keys by their places in the row."""
        q, k, v = self.parts(tokens)
        if ordered:
            q, k = turned(q), turned(k)
        return self.joined(F.scaled_dot_product_attention(q, k, v, attn_mask=bias))


class LinearWithinSlices(_Attention):
    """Every voxel of a slice takes from a summary of the slice (arXiv 1812.01243)."""

    def __init__(self, channels: int, heads: Heads) -> None:
        super().__init__(channels, heads, biased=True)

    def forward(self, x: Tensor) -> Tensor:
        b, c, z, height, width = x.shape
        tokens = self.norm(x).permute(0, 2, 3, 4, 1).reshape(b, z, height * width, c)
        q, k, v = self.parts(tokens)
        summary = k.softmax(-2).transpose(-1, -2) @ v
        taken = (q.softmax(-1) * self.heads.channels**-0.5) @ summary
        painted = self.joined(taken).reshape(b, z, height, width, c)
        return x + painted.permute(0, 4, 1, 2, 3)


class WithinSlices(_Attention):
    """Every voxel of a slice with every other."""

    def forward(self, x: Tensor) -> Tensor:
        b, c, z, height, width = x.shape
        tokens = self.norm(x).permute(0, 2, 3, 4, 1).reshape(b, z, height * width, c)
        mixed = self.mix(tokens).reshape(b, z, height, width, c)
        return x + mixed.permute(0, 4, 1, 2, 3)


class AlongSlices(_Attention):
    """Every voxel with those at the same place of other slices, in their order."""

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        b, c, z, height, width = x.shape
        tokens = self.norm(x).permute(0, 3, 4, 2, 1).reshape(b, height * width, z, c)
        mixed = self.mix(tokens, bias, ordered=True).reshape(b, height, width, z, c)
        return x + mixed.permute(0, 4, 3, 1, 2)


class SliceBias(nn.Module):
    """A learned bias for how far apart two slices are, ``[heads, n, n]``; as in T5."""

    def __init__(self, heads: int) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.randn(BUCKETS, heads))

    def forward(self, n: int) -> Tensor:
        return self.table[buckets(n).to(self.table.device)].permute(2, 0, 1)


def buckets(n: int) -> Tensor:
    """Which row of `SliceBias` serves query and key, ``[n, n]``: near ones have one each."""
    apart = torch.arange(n)[:, None] - torch.arange(n)
    far = apart.abs().clamp_min(_NEAR) / _NEAR
    share = torch.log(far) / math.log(_FARTHEST / _NEAR) * (BUCKETS // 2 - _NEAR)
    last = BUCKETS // 2 - 1
    steps = torch.where(apart.abs() < _NEAR, apart.abs(), (_NEAR + share.long()).clamp_max(last))
    return steps + (apart < 0) * (BUCKETS // 2)


def frequencies(channels: int) -> Tensor:
    """By how much each pair of a head's channels turns from one slice to the next, radians."""
    return _LONGEST_WAVE ** -(torch.arange(0, channels, 2).float() / channels)


def turned(heads: Tensor) -> Tensor:
    """Channels ``[..., n, channels]`` turned in pairs by their place (RoFormer, 2104.09864)."""
    n, channels = heads.shape[-2:]
    angles = torch.arange(n)[:, None] * frequencies(channels)
    cosine, sine = angles.cos().to(heads), angles.sin().to(heads)
    first, second = heads.reshape(*heads.shape[:-1], -1, 2).unbind(-1)
    pairs = (first * cosine - second * sine, second * cosine + first * sine)
    return torch.stack(pairs, -1).flatten(-2)
