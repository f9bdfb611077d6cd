"""A small convolutional network that looks for what generative models leave in the grain of lung.

It sees three slices about 5 mm apart at the scan's own pixels, where models that paint on a
coarser grid cannot hide: density in two windows, and what a mean of 3 x 3 pixels takes away, in
units of the grain that is usual around. Nothing is padded, so that it gives for a whole slice what
it gives for patches of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Self, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mitsgan.networks.golden import wave
from mitsgan.networks.model import Kind, Model
from mitsgan.networks.store import Card

SLICES = 3
SIDE = 34
"""A patch: slices, and pixels along each side."""

APART_MM = 5.0
"""Between the slices of a patch, about."""

_LAST = 4
"""Along each side, what the layers leave of a patch."""

STEP = 4
"""Pixels between patches in what the network gives for a whole slice."""

_WINDOWS = ((-1000.0, -200.0), (-200.0, 300.0))
_MOST = 6.0
"""Grain, in units of what is usual, is cut off there: edges have no more to say."""

_LEAST_HU = 0.5
"""Less grain than rounding leaves is taken for so much."""


def slices_apart(spacing_mm: float) -> int:
    """Slices from one of a patch to the next."""
    return max(1, round(APART_MM / spacing_mm))


def _layer(
    inputs: int, outputs: int, size: tuple[int, int, int], stride: int = 1
) -> list[nn.Module]:
    return [
        nn.Conv3d(inputs, outputs, size, (1, stride, stride), bias=False),
        nn.BatchNorm3d(outputs),
        nn.ReLU(inplace=True),
    ]


class DetectorNetwork(nn.Module):
    """Slices ``[b, 3, h, w]`` in HU to logits ``[b, h', w']``, of patches 4 pixels apart.

    Args:
        width: channels of the first layer.
    """

    def __init__(self, width: int = 10) -> None:
        super().__init__()
        w = width
        self.width = width
        self.layers = nn.Sequential(
            *_layer(len(_WINDOWS) + 1, w, (1, 3, 3)),
            *_layer(w, 2 * w, (SLICES, 3, 3), 2),
            *_layer(2 * w, 2 * w, (1, 3, 3)),
            *_layer(2 * w, 2 * w, (1, 3, 3)),
            *_layer(2 * w, 2 * w, (1, 3, 3), 2),
        )
        self.last = nn.Conv3d(2 * w, 1, 1)

    def forward(self, slices: Tensor, grain: Tensor) -> Tensor:
        """Logits.

        Args:
            slices: ``[b, 3, h, w]`` in HU; h and w at least 34.
            grain: usual around, HU, ``[b]`` or ``[b, h, w]``.
        """
        grain = grain[:, None, None] if grain.ndim == 1 else grain[:, 1:-1, 1:-1]
        fine = slices[..., 1:-1, 1:-1] - F.avg_pool2d(slices, 3, stride=1)
        inner = slices[..., 1:-1, 1:-1]
        channels = [(inner.clamp(low, high) - low) / (high - low) for low, high in _WINDOWS]
        channels.append((fine / grain[:, None].clamp_min(_LEAST_HU)).clamp(-_MOST, _MOST) / 2)
        logits = self.last(self.layers(torch.stack(channels, 1)))[:, 0]
        return F.avg_pool2d(logits[:, 0], _LAST, stride=1)


@dataclass(frozen=True, eq=False)
class TamperingDetector(Model):
    """A trained detector.

    Attributes:
        network: in evaluation mode.
        card: of the weights.
    """

    KIND: ClassVar[Kind] = "detector"
    MEMORY: ClassVar[torch.memory_format] = torch.channels_last_3d
    TOLERANCE: ClassVar[float] = 0.05
    """Logits."""

    network: DetectorNetwork
    card: Card = field(default_factory=dict)

    @classmethod
    def from_tensors(cls, tensors: dict[str, Tensor], card: Card) -> Self:
        """See `Model.from_tensors`."""
        network = DetectorNetwork(int(card["config"]["width"]))
        network.load_state_dict(tensors)
        return cls(network, card)

    def golden_output(self) -> Tensor:
        """A few logits."""
        slices = wave(1, SLICES, SIDE + STEP, SIDE + 2 * STEP)
        return self.logits(slices, torch.tensor([20.0]))

    def logits(self, slices: Tensor, grain: Tensor) -> Tensor:
        """How much speaks for tampering, see `DetectorNetwork.forward`."""
        with torch.inference_mode():
            return cast(Tensor, self.network(slices.float(), grain.float()))
