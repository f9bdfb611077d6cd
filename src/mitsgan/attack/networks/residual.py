"""An inpainter that is not CT-GAN's: residual, dilated, with attention; to measure transfer with.

CT-GAN's U-Net squeezes the cube to one voxel through five strided convolutions. This one stops
at a quarter of the resolution, looks around by dilation, and carries texture from anywhere in
the shell to the core by attention over a grid of 4 mm. Group normalisation, no dropout. What
disrupts both does not rest on the first one's aliasing.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mitsgan.attack.networks.attention import Attention, group_norm
from mitsgan.attack.networks.ctgan import CORE, SIDE
from mitsgan.networks.convolution import Conv3d

_DILATIONS = (1, 2, 4)


class _Residual(nn.Module):
    """Two 3^3 convolutions, the first dilated, normalised and activated before; plus the input."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList((group_norm(channels), group_norm(channels)))
        self.convolutions = nn.ModuleList(
            Conv3d(channels, channels, 3, padding=d, dilation=d) for d in (dilation, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        y = x
        for norm, convolution in zip(self.norms, self.convolutions, strict=True):
            y = convolution(F.silu(norm(y)))
        return x + y


class ResidualInpainter(nn.Module):
    """Inpaints the zeroed core of a cube, like `mitsgan.attack.networks.ctgan.Generator`.

    ``[batch, 1, 32, 32, 32]`` in the unit range, core zeroed, to the same shape in [-1, 1].

    Args:
        width: channels at half resolution, a multiple of 8; half as many at full resolution,
            three times as many at a quarter.
    """

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        if width < 8 or width % 8:
            raise ValueError(f"the width must be a multiple of 8, found {width}")
        fine, coarse = width // 2, 3 * width
        self.width = width
        core = torch.zeros(1, 1, SIDE, SIDE, SIDE)
        core[..., CORE, CORE, CORE] = 1
        self.register_buffer("core", core, persistent=False)
        self.stem = Conv3d(2, fine, 3, padding=1)
        self.down = Conv3d(fine, width, 4, stride=2, padding=1)
        self.encode = nn.Sequential(*(_Residual(width, d) for d in _DILATIONS))
        self.squeeze = Conv3d(width, coarse, 4, stride=2, padding=1)
        self.middle = nn.Sequential(
            _Residual(coarse, 1),
            Attention(coarse, SIDE // 4),
            _Residual(coarse, 2),
            _Residual(coarse, 1),
        )
        self.join = Conv3d(width + coarse, width, 1)
        self.decode = _Residual(width, 1)
        self.rise = Conv3d(width, fine, 3, padding=1)
        self.last = nn.Sequential(
            nn.SiLU(),
            Conv3d(fine, fine, 3, padding=1),
            nn.SiLU(),
            Conv3d(fine, 1, 3, padding=1),
        )

    def forward(self, condition: Tensor) -> Tensor:
        core = cast(Tensor, self.core).to(condition).expand_as(condition)
        full = self.stem(torch.cat((condition, core), 1))
        half = self.encode(self.down(full))
        quarter = self.middle(self.squeeze(half))
        half = self.decode(self.join(torch.cat((half, _double(quarter)), 1)))
        return torch.tanh(self.last(self.rise(_double(half)) + full))


def _double(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="nearest")
