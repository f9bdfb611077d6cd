"""The networks of MITS-GAN (Pasqualino et al. 2024), made bounded, three-dimensional and fast.

The published generator repaints a slice at full resolution. This one works on 4 x 4 pixels at
once (space to depth), sees neighbouring slices, and gives a residual without low frequencies
that the caller bounds: an offset of the surroundings shifts any inpainter and is worth little.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

HALO = 2
"""Slices of context that the generator needs on either side."""

PATCH = 4
"""Pixels along each in-plane side that are worked on as one."""

TILE = 2 * PATCH
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


class PerturbationGenerator(nn.Module):
    """Scan and noise to an unbounded residual without low frequencies.

    Args:
        width: channels at a quarter and an eighth of the in-plane resolution.
    """

    def __init__(self, width: tuple[int, int] = (32, 48)) -> None:
        super().__init__()
        a, b = width
        self.width = width
        flat, half, deep = (1, 3, 3), (1, 2, 2), (0, 1, 1)
        inputs = 2 * PATCH**2 + _NOISE_CHANNELS + 2
        self.noise = NoiseNet()
        self.stem = nn.Conv3d(inputs, a, flat, padding=deep)
        self.side = nn.Conv3d(a, a, flat, padding=deep)
        self.down = nn.Conv3d(a, b, half, stride=half)
        self.deep1 = nn.Conv3d(b, b, 3, padding=deep)
        self.deep2 = nn.Conv3d(b, b, 3, padding=deep)
        self.up = nn.ConvTranspose3d(b, a, half, stride=half)
        self.merge = nn.Conv3d(a, a, flat, padding=deep)
        self.head = nn.Conv3d(a, PATCH**2, flat, padding=deep)

    def forward(self, hu: Tensor, noise: Tensor, spacing: _Spacing) -> Tensor:
        """One slab.

        Args:
            hu: ``[z + 2 HALO, y, x]``, y and x multiples of `TILE`.
            noise: ``[z + 2 HALO, y / PATCH, x / PATCH]``, standard normal.
            spacing: mm ``[z, y, x]``.

        Returns:
            ``[z, y, x]``, float32; zero mean over about 9 mm in plane.
        """
        x = _relu(self.stem(self._inputs(hu, noise, spacing)))
        x = _relu(self.side(x)) + x
        deep = _relu(self.down(x))
        deep = _relu(self.deep2(_relu(self.deep1(deep))) + deep[:, :, HALO:-HALO])
        x = x[:, :, HALO:-HALO] + self.up(deep)
        x = _relu(self.merge(_relu(x)))
        residual = self.head(x)[0].movedim(0, -1).float()
        kernel = [_odd(_LOCAL_MEAN_MM / (PATCH * s)) for s in spacing[1:]]
        mean = F.avg_pool2d(
            residual.mean(-1)[:, None],
            kernel,
            stride=1,
            padding=[k // 2 for k in kernel],
            count_include_pad=False,
        )
        return from_patches(residual - mean.movedim(1, -1))

    def _inputs(self, hu: Tensor, noise: Tensor, spacing: _Spacing) -> Tensor:
        """``[1, channels, z, y / PATCH, x / PATCH]``, made channels last from the start."""
        dtype = self.stem.weight.dtype
        lung = hu.add(850).div_(150).clamp_(-1.5, 3).to(dtype)
        tissue = hu.div(500).clamp_(-2, 2).to(dtype)
        shaped = self.noise(noise[None, None].to(dtype))[0].movedim(0, -1)
        scale = torch.tensor(_scales(spacing), dtype=dtype, device=hu.device)
        parts = (to_patches(lung), to_patches(tissue), shaped, scale.expand(*noise.shape, 2))
        return torch.cat(parts, -1).movedim(-1, 0)[None]


def to_patches(slices: Tensor) -> Tensor:
    """``[z, y, x]`` to ``[z, y / PATCH, x / PATCH, PATCH**2]``: space to depth."""
    z, y, x = slices.shape
    split = slices.view(z, y // PATCH, PATCH, x // PATCH, PATCH)
    return split.transpose(2, 3).reshape(z, y // PATCH, x // PATCH, PATCH**2)


def from_patches(patches: Tensor) -> Tensor:
    """The inverse of `to_patches`."""
    z, y, x, _ = patches.shape
    split = patches.view(z, y, x, PATCH, PATCH)
    return split.transpose(2, 3).reshape(z, y * PATCH, x * PATCH)


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


def _relu(x: Tensor) -> Tensor:
    return F.leaky_relu_(x, 0.2)


def _scales(spacing: _Spacing) -> tuple[float, float]:
    """Slice distance and pixel size as the network wants them, zero for a usual chest CT."""
    z, y, x = spacing
    return math.log(z / 2), math.log(math.sqrt(y * x) / 0.7)


def _odd(size: float) -> int:
    return max(3, 2 * int(size / 2) + 1)
