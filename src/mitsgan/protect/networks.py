"""The networks of MITS-GAN (Pasqualino et al. 2024), made bounded, three-dimensional and fast.

The published generator repaints a slice at full resolution. This one works on 2 x 2 pixels at
once (space to depth), sees neighbouring slices, and gives a residual without low frequencies
that the caller bounds: an offset of the surroundings shifts any inpainter and is worth little.
"""

from __future__ import annotations

from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

HALO = 4
"""Slices of context that the generator needs on either side."""

TILE = 8
"""In-plane sides must be multiples of this."""

_NOISE_CHANNELS = 2
_LOCAL_MEAN_MM = 9.0
_Spacing = tuple[float, float, float]


class NoiseNet(nn.Module):
    """Shapes Gaussian noise pixel by pixel: five 1 x 1 convolutions, as published.

    ``[b, 1, z, y, x]`` to ``[b, 2, z, y, x]``.
    """

    def __init__(self) -> None:
        super().__init__()
        widths = (1, 2, 4, 4, 2, _NOISE_CHANNELS)
        self.layers = nn.ModuleList(nn.Conv3d(a, b, 1) for a, b in pairwise(widths))

    def forward(self, noise: Tensor) -> Tensor:
        for layer in self.layers[:-1]:
            noise = F.leaky_relu(layer(noise), 0.2)
        return cast(Tensor, self.layers[-1](noise))


class _Residual(nn.Module):
    """Two 3^3 convolutions beside an identity; two slices shorter at either end."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv3d(channels, channels, 3, padding=(0, 1, 1))
        self.second = nn.Conv3d(channels, channels, 3, padding=(0, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        y = self.second(F.leaky_relu(self.first(x), 0.2))
        return F.leaky_relu(x[:, :, 2:-2] + y, 0.2)


class PerturbationGenerator(nn.Module):
    """Scan and noise to an unbounded residual without low frequencies.

    Args:
        width: channels at half, quarter and eighth in-plane resolution.
    """

    def __init__(self, width: tuple[int, int, int] = (16, 32, 48)) -> None:
        super().__init__()
        a, b, c = width
        self.width = width
        flat, half = (1, 3, 3), (1, 2, 2)
        self.noise = NoiseNet()
        self.stem = nn.Conv3d(8 + _NOISE_CHANNELS + 2, a, flat, padding=(0, 1, 1))
        self.down1 = nn.Conv3d(a, b, half, stride=half)
        self.middle1 = _Residual(b)
        self.down2 = nn.Conv3d(b, c, half, stride=half)
        self.middle2 = _Residual(c)
        self.up2 = nn.ConvTranspose3d(c, b, half, stride=half)
        self.merge2 = nn.Conv3d(b, b, flat, padding=(0, 1, 1))
        self.up1 = nn.ConvTranspose3d(b, a, half, stride=half)
        self.merge1 = nn.Conv3d(a, a, flat, padding=(0, 1, 1))
        self.head = nn.Conv3d(a, 4, flat, padding=(0, 1, 1))

    def forward(self, hu: Tensor, noise: Tensor, spacing: _Spacing) -> Tensor:
        """One slab.

        Args:
            hu: ``[z + 2 HALO, y, x]``, y and x multiples of `TILE`.
            noise: ``[z + 2 HALO, y / 2, x / 2]``, standard normal.
            spacing: mm ``[z, y, x]``.

        Returns:
            ``[z, y, x]``, float32; zero mean over 9 mm in plane.
        """
        x = self._inputs(hu, noise, spacing)
        top = F.leaky_relu(self.stem(x), 0.2)
        side = self.middle1(F.leaky_relu(self.down1(top), 0.2))
        deep = self.middle2(F.leaky_relu(self.down2(side), 0.2))
        side = F.leaky_relu(self.merge2(side[:, :, 2:-2] + self.up2(deep)), 0.2)
        top = F.leaky_relu(self.merge1(top[:, :, HALO:-HALO] + self.up1(side)), 0.2)
        residual = self.head(top)[0].transpose(0, 1).float()
        kernel = [_odd(_LOCAL_MEAN_MM / (2 * s)) for s in spacing[1:]]
        mean = F.avg_pool2d(
            residual.mean(1, keepdim=True),
            kernel,
            stride=1,
            padding=[k // 2 for k in kernel],
            count_include_pad=False,
        )
        return F.pixel_shuffle(residual - mean, 2)[:, 0]

    def _inputs(self, hu: Tensor, noise: Tensor, spacing: _Spacing) -> Tensor:
        dtype = self.stem.weight.dtype
        pixels = F.pixel_unshuffle(hu[:, None], 2).transpose(0, 1)[None]
        lung = ((pixels + 850) / 150).clamp_(-1.5, 3).to(dtype)
        tissue = (pixels / 500).clamp_(-2, 2).to(dtype)
        shaped = self.noise(noise[None, None].to(dtype))
        shape = (1, 1, *lung.shape[2:])
        scale = [torch.full(shape, s, dtype=dtype, device=hu.device) for s in _scales(spacing)]
        x = torch.cat((lung, tissue, shaped, *scale), 1)
        return x.contiguous(memory_format=torch.channels_last_3d)


class SliceDiscriminator(nn.Module):
    """Tells protected slices from original ones: ``[n, 1, y, x]`` in HU to patch logits."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        w = width
        self.layers = nn.Sequential(
            nn.Conv2d(1, w, 4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(w, 2 * w, 4, stride=2, padding=1),
            nn.BatchNorm2d(2 * w),
            nn.LeakyReLU(0.2),
            nn.Conv2d(2 * w, 4 * w, 4, stride=2, padding=1),
            nn.BatchNorm2d(4 * w),
            nn.LeakyReLU(0.2),
            nn.Conv2d(4 * w, 1, 3, padding=1),
        )

    def forward(self, hu: Tensor) -> Tensor:
        return cast(Tensor, self.layers(((hu + 850) / 150).clamp(-1.5, 3)))


def _scales(spacing: _Spacing) -> tuple[float, float]:
    z, y, x = spacing
    return float(torch.tensor(z / 2).log()), float(torch.tensor((y * x) ** 0.5 / 0.7).log())


def _odd(size: float) -> int:
    return max(3, 2 * int(size / 2) + 1)
