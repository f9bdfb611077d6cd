"""The released MITS-GAN (Pasqualino et al. 2024) as a protector: a baseline.

It repaints the whole slice, with neither residual nor bound, so its perturbation is what it
painted minus the slice: unbounded, as everything is that a budget then clips. What differs from
the release, and why, is in docs/baselines.md; `mitsgan.protect.mitsgan` is what protects here.
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
from mitsgan.protect.baselines.slices import UNIT, clean_hu, hu_range, stretch, to_unit
from mitsgan.protect.protector import register
from mitsgan.protect.trained import TrainedProtector
from mitsgan.scan.scan import Scan

PAPER_SIDE = 512
"""Pixels along each side of the slices that the release works on."""

PAPER_DTYPE = torch.float64
"""The precision that the release computes in."""

GROUP = 4
"""Slices that are stretched to HU together: 0 to 3, 4 to 7 and so on, as in the release."""

_BLOCKS = 3


class PaperNoiseNet(nn.Module):
    """Shapes noise pixel by pixel: ``[n, 1, y, x]``, uniform in [0, 1), to the same shape.

    Five 1 x 1 convolutions of 1-2-4-4-2-1 channels, each with batch norm and ReLU.
    """

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise((1, 2, 4, 4, 2, 1)):
            layers += [
                nn.Conv2d(inputs, outputs, 1, bias=False),
                nn.BatchNorm2d(outputs),
                nn.ReLU(),
            ]
        self.layers = nn.Sequential(*layers)

    def forward(self, noise: Tensor) -> Tensor:
        return cast(Tensor, self.layers(noise))


class _Residual(nn.Module):
    """Two 3 x 3 convolutions with batch norm beside an identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.first_normalization = nn.BatchNorm2d(channels)
        self.second = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.second_normalization = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.first_normalization(self.first(x)))
        return x + cast(Tensor, self.second_normalization(self.second(y)))


class PaperGenerator(nn.Module):
    """Slice and noise to a repainted slice, all at full resolution.

    Args:
        width: channels; 64 as released.
    """

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.noise = PaperNoiseNet()
        self.stem = nn.Conv2d(2, width, 3, padding=1)
        self.blocks = nn.Sequential(*(_Residual(width) for _ in range(_BLOCKS)))
        self.head = nn.Conv2d(width, 1, 1)

    def forward(self, slices: Tensor, noise: Tensor) -> Tensor:
        """Repaint slices.

        Args:
            slices: ``[n, 1, y, x]``, scaled to [-1, 1]; 512 x 512 in the release.
            noise: of the same shape, uniform in [0, 1).

        Returns:
            ``[n, 1, y, x]`` in [-1, 1].
        """
        x = torch.cat((slices, self.noise(noise)), 1)
        x = self.blocks(F.relu(self.stem(x)))
        # Never in half the precision: near -1, where air is, its steps are several HU.
        with torch.autocast(x.device.type, enabled=False):
            return torch.tanh(self.head(x.to(self.head.weight.dtype)))


@register
@dataclass(frozen=True, eq=False)
class MitsGanPaper(TrainedProtector):
    """The perturbation of a trained released generator for one seed.

    Attributes:
        network: the generator, in evaluation mode: batch norm uses what it saw in training.
        seed: of the noise that the generator is fed.
        card: of the weights.
    """

    name: ClassVar[str] = "mits-gan-paper"
    title: ClassVar[str] = "MITS-GAN as released"
    summary: ClassVar[str] = (
        "the released network and losses: repaints every slice, unbounded until clipped"
    )
    bounded: ClassVar[bool] = False
    SHIPPED: ClassVar[str | None] = "mits-gan-paper"
    STORED: ClassVar[Precision] = "int8"
    MEMORY: ClassVar[torch.memory_format] = torch.channels_last

    network: PaperGenerator
    seed: int = 0
    card: Card = field(default_factory=dict)

    @classmethod
    def from_tensors(cls, tensors: dict[str, Tensor], card: Card) -> Self:
        """See `Model.from_tensors`."""
        network = PaperGenerator(int(card["config"]["width"]))
        network.load_state_dict(tensors)
        return cls(network, card=card)

    def golden_output(self) -> Tensor:
        """What the network gives in [-1, 1], ``[3, 32, 40]``."""
        slices = to_unit(wave(3, 1, 32, 40), *UNIT)
        return cast(Tensor, self.network(slices, (slices + 1) / 2))[:, 0]

    def perturbation(
        self, scan: Scan, start: int, stop: int, budget: Budget
    ) -> NDArray[np.float32]:
        """See `Perturbation`; unbounded: `apply_perturbations` clips it to the budget."""
        low, high = hu_range(scan)
        first, parts = start // GROUP * GROUP, []
        for group in range(first, stop, GROUP):
            hu = clean_hu(scan, group, min(group + GROUP, scan.shape[0]))
            painted = torch.stack(
                [self._painted(to_unit(h, low, high), group + n) for n, h in enumerate(hu)]
            )
            parts.append(stretch(painted, hu.min(), hu.max()).numpy() - hu.numpy())
        return np.concatenate(parts)[start - first : stop - first]

    def _painted(self, unit: Tensor, number: int) -> Tensor:
        """One slice ``[y, x]`` in [-1, 1], repainted; one at a time bounds memory."""
        noise = np.random.default_rng((self.seed, number)).random(unit.shape, np.float32)
        with torch.inference_mode():
            both = torch.stack((unit, torch.from_numpy(noise)))[:, None, None].to(self.device)
            return cast(Tensor, self.network(both[0], both[1])[0, 0].cpu())
