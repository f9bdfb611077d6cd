"""The released MITS-GAN (Pasqualino et al. 2024) as a protector: a baseline.

It repaints the whole slice, with neither residual nor bound, so its perturbation is what it
painted minus the slice: unbounded, as everything is that a budget then clips. What differs from
the release, and why, is in docs/baselines.md; `mitsgan.protect.mitsgan` is what protects here.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from mitsgan.errors import WeightsError
from mitsgan.networks import Card, load_weights, save_weights, shipped
from mitsgan.perturb.budget import Budget
from mitsgan.scan.once import once_per_scan
from mitsgan.scan.scan import AIR_HU, Scan

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


@dataclass(frozen=True)
class MitsGanPaper:
    """The perturbation of a trained released generator for one seed; a `Perturbation`.

    Attributes:
        generator: in evaluation mode: batch norm uses what it saw in training.
        seed: of the noise that the generator is fed.
        card: of the weights.
    """

    generator: PaperGenerator
    seed: int
    card: Card

    @classmethod
    def load(
        cls, path: Path | None = None, *, seed: int = 0, device: torch.device | str = "cpu"
    ) -> MitsGanPaper:
        """Read weights, by default those that ship with the package; in float32.

        Raises:
            WeightsError: see `mitsgan.networks.load_weights`.
        """
        path = path or shipped("mits-gan-paper")
        tensors, card = load_weights(path, "protector")
        try:
            generator = PaperGenerator(int(card["config"]["width"]))
            generator.load_state_dict(tensors)
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise WeightsError(
                f"{path}: these are not weights of mits-gan-paper: {error}"
            ) from error
        generator.eval().requires_grad_(False)
        generator.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return cls(generator.to(device), seed, card)

    def save(self, path: Path, card: Card) -> None:
        """Write the generator as safetensors; ``card`` holds at least ``config`` with the width."""
        save_weights(
            path, self.generator.state_dict(), {**card, "kind": "protector"}, precision="int8"
        )

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
        device = self.generator.stem.weight.device
        noise = np.random.default_rng((self.seed, number)).random(unit.shape, np.float32)
        with torch.inference_mode():
            both = torch.stack((unit, torch.from_numpy(noise)))[:, None, None].to(device)
            return cast(Tensor, self.generator(both[0], both[1])[0, 0].cpu())


def clean_hu(scan: Scan, start: int, stop: int) -> Tensor:
    """Slices in HU, where padding and what is no number are air."""
    hu = scan.hu(start, stop)
    np.nan_to_num(hu, copy=False, nan=AIR_HU, posinf=AIR_HU, neginf=AIR_HU)
    np.copyto(hu, np.float32(AIR_HU), where=scan.is_padding(start, stop))
    return torch.from_numpy(hu)


@once_per_scan
def hu_range(scan: Scan) -> tuple[float, float]:
    """The least and the largest HU of a scan, without padding."""
    ends = [torch.aminmax(clean_hu(scan, z, z + 1)) for z in range(scan.shape[0])]
    return min(float(e.min) for e in ends), max(float(e.max) for e in ends)


def to_unit(hu: Tensor, low: float, high: float) -> Tensor:
    """HU between ``low`` and ``high`` to [-1, 1]."""
    return (hu - low) * (2 / max(high - low, 1.0)) - 1


def stretch(values: Tensor, low: Tensor | float, high: Tensor | float) -> Tensor:
    """Stretch so that the least value becomes ``low`` and the largest ``high``."""
    least, largest = values.aminmax()
    return (values - least) / (largest - least).clamp_min(1e-6) * (high - low) + low
