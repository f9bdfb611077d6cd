"""LeFusion's network: the noise in a patch of slices, told how noisy it is and how bright a lesion.

The factorised U-Net of video diffusion (Ho et al., arXiv 2204.03458) as LeFusion trains it: the
convolutions stay within slices, attention joins the slices. Layers in the order and of the shapes
of its release; what they are called here, `mitsgan.attack.import_lefusion.names` leads to.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mitsgan.attack.networks.lefusion.attention import (
    AlongSlices,
    Heads,
    LinearWithinSlices,
    SliceBias,
    WithinSlices,
)
from mitsgan.networks.convolution import Conv3d

GROUPS = 8
"""Of channels that are normalised together."""

HISTOGRAM = 16
"""Bins that say how bright a lesion is to be, of even width from -1 to 1."""

PATCH = (32, 64, 64)
"""Slices, rows and columns that it is trained on."""

_LONGEST_WAVE = 10_000.0


@dataclass(frozen=True)
class Shape:
    """What a `LesionUNet` is made of.

    Attributes:
        width: channels of the finest level, a multiple of 8.
        multiples: how many times as many each level has, from the finest.
        heads: of all attention.
    """

    width: int = 64
    multiples: tuple[int, ...] = (1, 2, 4, 8)
    heads: Heads = field(default_factory=Heads)

    def __post_init__(self) -> None:
        if self.width < GROUPS or self.width % GROUPS:
            raise ValueError(f"the width must be a multiple of {GROUPS}, found {self.width}")
        if not self.multiples or min(self.multiples) < 1:
            raise ValueError(f"every level has the width once or more, found {self.multiples}")
        if PATCH[-1] % 2 ** (len(self.multiples) - 1):
            raise ValueError(f"{PATCH[-1]} voxels do not halve for {len(self.multiples)} levels")
        if self.heads.count < 1 or self.heads.channels % 2 or not 0 < self.heads.channels <= 32:
            raise ValueError(f"heads have an even number of channels up to 32, found {self.heads}")

    @property
    def channels(self) -> tuple[int, ...]:
        """Of each level, from the finest."""
        return tuple(self.width * multiple for multiple in self.multiples)

    @property
    def described(self) -> int:
        """Length of what all blocks are told: time and histogram."""
        return 4 * self.width + HISTOGRAM


class LesionUNet(nn.Module):
    """Predicts the noise in ``[b, 1, slices, rows, columns]``, as many as in `PATCH` or others.

    Rows and columns must halve as often as there are levels but one.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        width, channels = shape.width, shape.channels
        steps = list(pairwise((width, *channels)))
        last = len(steps) - 1
        self.apart = SliceBias(shape.heads.count)
        self.first = Conv3d(1, width, (1, 7, 7), padding=(0, 3, 3))
        self.first_along = AlongSlices(width, shape.heads)
        self.time = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, 4 * width)
        )
        self.down = nn.ModuleList(
            _Level(shape, few, many, _halve if level < last else None)
            for level, (few, many) in enumerate(steps)
        )
        self.middle_in = Residual(channels[-1], channels[-1], shape.described)
        self.middle_within = WithinSlices(channels[-1], shape.heads)
        self.middle_along = AlongSlices(channels[-1], shape.heads)
        self.middle_out = Residual(channels[-1], channels[-1], shape.described)
        self.up = nn.ModuleList(
            _Level(shape, 2 * many, few, _double if level < last else None)
            for level, (few, many) in enumerate(reversed(steps))
        )
        self.last_block = Residual(2 * width, width)
        self.last = Conv3d(width, 1, 1)

    def forward(self, x: Tensor, time: Tensor, histogram: Tensor) -> Tensor:
        """The noise.

        Args:
            x: ``[b, 1, slices, rows, columns]``, noisy, of -1 to 1.
            time: ``[b]``, the number of the step of the schedule.
            histogram: ``[b, 16]``, the share of the lesion's voxels in each bin.
        """
        apart = self.apart(x.shape[2])
        told = torch.cat((self.time(_waves(time, self.shape.width).to(x)), histogram.to(x)), 1)
        begin = self.first(x)
        x = self.first_along(begin, apart)
        skips = []
        for level in cast(Iterable[_Level], self.down):
            x = level(x, told, apart)
            skips.append(x)
            x = level.change(x)
        x = self.middle_in(x, told)
        x = self.middle_along(self.middle_within(x), apart)
        x = self.middle_out(x, told)
        for level in cast(Iterable[_Level], self.up):
            x = level.change(level(torch.cat((x, skips.pop()), 1), told, apart))
        return cast(Tensor, self.last(self.last_block(torch.cat((x, begin), 1))))


class _Level(nn.Module):
    """Two blocks, attention within and along the slices; ``change`` leads to the next level."""

    def __init__(
        self, shape: Shape, channels: int, to: int, change: Callable[[int], nn.Module] | None
    ) -> None:
        super().__init__()
        self.block_in = Residual(channels, to, shape.described)
        self.block_out = Residual(to, to, shape.described)
        self.within = LinearWithinSlices(to, shape.heads)
        self.along = AlongSlices(to, shape.heads)
        self.change = change(to) if change else nn.Identity()

    def forward(self, x: Tensor, told: Tensor, apart: Tensor) -> Tensor:
        x = self.block_out(self.block_in(x, told), told)
        return cast(Tensor, self.along(self.within(x), apart))


class Residual(nn.Module):
    """Two convolutions within slices, added to the input; what is told scales and shifts between.

    Args:
        channels, to: in and out.
        told: length of what it is told; None for a block that is told nothing.
    """

    def __init__(self, channels: int, to: int, told: int | None = None) -> None:
        super().__init__()
        self.told = None if told is None else nn.Linear(told, 2 * to)
        self.convolution_in = Conv3d(channels, to, (1, 3, 3), padding=(0, 1, 1))
        self.norm_in = nn.GroupNorm(GROUPS, to)
        self.convolution_out = Conv3d(to, to, (1, 3, 3), padding=(0, 1, 1))
        self.norm_out = nn.GroupNorm(GROUPS, to)
        self.skip = Conv3d(channels, to, 1) if channels != to else nn.Identity()

    def forward(self, x: Tensor, told: Tensor | None = None) -> Tensor:
        y = self.norm_in(self.convolution_in(x))
        if self.told is not None and told is not None:
            scale, shift = self.told(F.silu(told))[:, :, None, None, None].chunk(2, 1)
            y = y * (1 + scale) + shift
        y = F.silu(self.norm_out(self.convolution_out(F.silu(y))))
        return cast(Tensor, y + self.skip(x))


def _halve(channels: int) -> nn.Module:
    return Conv3d(channels, channels, (1, 4, 4), (1, 2, 2), (0, 1, 1))


def _double(channels: int) -> nn.Module:
    return nn.ConvTranspose3d(channels, channels, (1, 4, 4), (1, 2, 2), (0, 1, 1))


def _waves(time: Tensor, width: int) -> Tensor:
    """``[b]`` to ``[b, width]``: sines, then cosines, of wavelengths up to 10,000 times 2 pi."""
    rates = torch.exp(-math.log(_LONGEST_WAVE) * torch.linspace(0, 1, width // 2))
    angles = time.float()[:, None] * rates.to(time.device)
    return torch.cat((angles.sin(), angles.cos()), 1)
