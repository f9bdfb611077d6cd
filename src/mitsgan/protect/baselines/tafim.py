"""TAFIM (Aneja et al. 2022) for CT, as a protector: a baseline.

A U-Net sees a slice and a learned global perturbation, and gives the slice's own perturbation,
bounded by nothing but the range of a CT. What differs from the release, and why, is in
docs/baselines.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import ClassVar, Self, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from mitsgan.networks import Card, Precision
from mitsgan.networks.golden import wave
from mitsgan.perturb.budget import Budget
from mitsgan.protect.baselines.slices import UNIT, UNIT_HU, clean_hu, to_unit
from mitsgan.protect.protector import register
from mitsgan.protect.trained import TrainedProtector
from mitsgan.scan.scan import Scan

SIDE = 512
"""Pixels along each side of the global perturbation; other slices get it resampled."""

_LEVELS = (1, 2, 4, 8, 8, 8)
"""Channels of the six levels, in multiples of the width: the published ``unet_64``."""

_TILE = 2 ** len(_LEVELS)


class TafimNet(nn.Module):
    """The pix2pix U-Net and the global perturbation, which are trained together.

    Args:
        width: channels of the first level; 64 as published.
    """

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        widths = [n * width for n in _LEVELS]
        self.perturbation = nn.Parameter(torch.rand(SIDE, SIDE))
        self.down = nn.ModuleList(
            nn.Conv2d(a, b, 4, stride=2, padding=1) for a, b in pairwise((2, *widths))
        )
        inputs = (widths[-1], *(2 * w for w in widths[-2::-1]))  # all but the first get a skip
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(a, b, 4, stride=2, padding=1)
            for a, b in zip(inputs, (*widths[-2::-1], 1), strict=True)
        )

    def forward(self, slices: Tensor, universal: Tensor | None = None) -> Tensor:
        """Perturbations of slices, each on its own.

        Args:
            slices: ``[n, 1, y, x]``, scaled to [-1, 1].
            universal: the global perturbation there, ``[1, 1, y, x]``, of slices that are a part of
                larger ones; by default that of whole slices.

        Returns:
            The same shape, in [-1, 1], to be added.
        """
        height, width = slices.shape[2:]
        universal = self.universal(height, width) if universal is None else universal
        both = torch.cat((slices, universal.expand_as(slices)), 1)
        x = F.pad(both, (0, -width % _TILE, 0, -height % _TILE), mode="replicate")
        skips: list[Tensor] = []
        for level, layer in enumerate(self.down):
            x = layer(F.leaky_relu(x, 0.2) if level else x)
            if 0 < level < len(self.down) - 1:
                x = F.instance_norm(x)
            skips.append(x)
        x = skips.pop()
        for level, layer in enumerate(self.up):
            x = layer(F.relu(x))
            if skips:
                x = F.instance_norm(x)
                if level == 1:
                    x = F.dropout(x, 0.5, self.training)
                x = torch.cat((skips.pop(), x), 1)
        return x[..., :height, :width].tanh()

    def universal(self, height: int, width: int) -> Tensor:
        """The global perturbation for slices of a size: ``[1, 1, y, x]``, to be added."""
        noise = self.perturbation[None, None]
        if noise.shape[2:] == (height, width):
            return noise
        return F.interpolate(noise, (height, width), mode="bilinear", antialias=True)


def added_hu(slices: Tensor, perturbation: Tensor) -> Tensor:
    """What a perturbation in units adds to slices in units, kept within [-1, 1]; in HU."""
    inside = slices.clamp(-1, 1)  # metal is beyond, and stays where it is
    return ((inside + perturbation).clamp(-1, 1) - inside) * UNIT_HU


@register
@dataclass(frozen=True, eq=False)
class Tafim(TrainedProtector):
    """The image-conditioned perturbation of trained weights.

    There is no seed: what was random about it was trained.

    Attributes:
        network: in evaluation mode.
        card: of the weights.
    """

    name: ClassVar[str] = "tafim"
    title: ClassVar[str] = "TAFIM"
    summary: ClassVar[str] = (
        "the port to CT: a U-Net on slice and global perturbation, unbounded until clipped"
    )
    bounded: ClassVar[bool] = False
    SHIPPED: ClassVar[str | None] = "tafim"
    STORED: ClassVar[Precision] = "int8"

    network: TafimNet
    card: Card = field(default_factory=dict)

    @classmethod
    def from_tensors(cls, tensors: dict[str, Tensor], card: Card) -> Self:
        """See `Model.from_tensors`."""
        network = TafimNet(int(card["config"]["width"]))
        network.load_state_dict(tensors)
        return cls(network, card=card)

    def golden_output(self) -> Tensor:
        """What the network gives in [-1, 1], ``[3, 64, 64]``."""
        return cast(Tensor, self.network(to_unit(wave(3, 1, 64, 64), *UNIT)))[:, 0]

    def perturbation(
        self, scan: Scan, start: int, stop: int, budget: Budget
    ) -> NDArray[np.float32]:
        """See `Perturbation`; unbounded: `apply_perturbations` clips it to the budget."""
        slices = []
        with torch.inference_mode():
            for unit in to_unit(clean_hu(scan, start, stop), *UNIT).to(self.device):
                units = cast(Tensor, self.network(unit[None, None]))[0, 0]
                slices.append(added_hu(unit, units).cpu().numpy())
        return np.stack(slices)
