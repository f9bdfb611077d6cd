"""The generator of the released MITS-GAN (Pasqualino et al. 2024): a baseline for speed.

Only the architecture, with random weights: the benchmark measures what a slice costs in it. It
is no protector, and no `Layer`: it repaints the whole slice, with neither residual nor bound, so
that no budget could be promised. `mitsgan.protect.networks` is what protects here.
"""

from __future__ import annotations

from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

PAPER_SIDE = 512
"""Pixels along each side of the slices that the release works on."""

PAPER_DTYPE = torch.float64
"""The precision that the release computes in."""

_WIDTH = 64
_BLOCKS = 3


class PaperNoiseNet(nn.Module):
    """Shapes noise pixel by pixel: ``[n, 1, y, x]``, uniform in [0, 1), to the same shape.

    Five 1 x 1 convolutions of 1-2-4-4-2-1 channels, each with batch norm and ReLU.
    """

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise((1, 2, 4, 4, 2, 1)):
            layers += [nn.Conv2d(inputs, outputs, 1), nn.BatchNorm2d(outputs), nn.ReLU()]
        self.layers = nn.Sequential(*layers)

    def forward(self, noise: Tensor) -> Tensor:
        return cast(Tensor, self.layers(noise))


class _Residual(nn.Module):
    """Two 3 x 3 convolutions with batch norm beside an identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.first_normalization = nn.BatchNorm2d(channels)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        self.second_normalization = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.first_normalization(self.first(x)))
        return x + cast(Tensor, self.second_normalization(self.second(y)))


class PaperGenerator(nn.Module):
    """Slice and noise to a repainted slice, all at full resolution."""

    def __init__(self) -> None:
        super().__init__()
        self.noise = PaperNoiseNet()
        self.stem = nn.Conv2d(2, _WIDTH, 3, padding=1)
        self.blocks = nn.Sequential(*(_Residual(_WIDTH) for _ in range(_BLOCKS)))
        self.head = nn.Conv2d(_WIDTH, 1, 1)

    def forward(self, slices: Tensor, noise: Tensor) -> Tensor:
        """Repaint slices.

        Args:
            slices: ``[n, 1, y, x]``, scaled to [-1, 1]; 512 x 512 in the release.
            noise: of the same shape, uniform in [0, 1).

        Returns:
            ``[n, 1, y, x]`` in [-1, 1].
        """
        x = torch.cat((slices, self.noise(noise)), 1)
        return torch.tanh(self.head(self.blocks(F.relu(self.stem(x)))))
