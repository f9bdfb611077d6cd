"""A three-dimensional convolutional classifier of lung cubes: nodule in the middle, or none.

It stands in for a reader where thousands of cubes have to be judged: whether an injected lesion
is taken for one, whether a removed one is gone. It is no medical device and no detector.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Self, cast

import torch
from torch import Tensor, nn

from mitsgan.networks.golden import wave
from mitsgan.networks.model import Kind, Model
from mitsgan.networks.store import Card

SIDE = 32
"""Voxels of 1 mm along each side of a cube."""

_WINDOWS = ((-1000.0, -200.0), (-200.0, 300.0))
"""HU ranges, one input channel each: ground glass, and soft tissue."""

_BATCH = 64


def _block(inputs: int, outputs: int, size: int, stride: int) -> list[nn.Module]:
    return [
        nn.Conv3d(inputs, outputs, size, stride, padding=size // 2, bias=False),
        nn.BatchNorm3d(outputs),
        nn.ReLU(inplace=True),
    ]


class ClassifierNetwork(nn.Module):
    """Cubes ``[b, 32, 32, 32]`` in HU at 1 mm to logits ``[b]``.

    Args:
        width: channels of the first layer.
    """

    def __init__(self, width: int = 12) -> None:
        super().__init__()
        w = width
        self.width = width
        self.features = nn.Sequential(
            *_block(len(_WINDOWS), w, 5, 2),
            *_block(w, w, 3, 1),
            *_block(w, 2 * w, 3, 2),
            *_block(2 * w, 2 * w, 3, 1),
            *_block(2 * w, 4 * w, 3, 2),
            *_block(4 * w, 4 * w, 3, 1),
        )
        self.last = nn.Linear(4 * w * (SIDE // 8) ** 3, 1)

    def forward(self, cubes: Tensor) -> Tensor:
        windows = [(cubes.clamp(low, high) - low) / (high - low) for low, high in _WINDOWS]
        features = self.features(torch.stack(windows, 1))
        return cast(Tensor, self.last(features.flatten(1))[:, 0])


@dataclass(frozen=True, eq=False)
class NoduleClassifier(Model):
    """A trained classifier.

    Attributes:
        network: in evaluation mode.
        threshold: probability from which on a cube is called a nodule.
        card: of the weights.
    """

    KIND: ClassVar[Kind] = "classifier"
    SHIPPED: ClassVar[str | None] = "classifier"
    MEMORY: ClassVar[torch.memory_format] = torch.channels_last_3d
    TOLERANCE: ClassVar[float] = 0.01
    """Probability."""

    network: ClassifierNetwork
    threshold: float = 0.5
    card: Card = field(default_factory=dict)

    @classmethod
    def from_tensors(cls, tensors: dict[str, Tensor], card: Card) -> Self:
        """See `Model.from_tensors`."""
        network = ClassifierNetwork(int(card["config"]["width"]))
        network.load_state_dict(tensors)
        return cls(network, float(card["threshold"]), card)

    def entries(self) -> Card:
        """See `Model.entries`."""
        return {"threshold": self.threshold}

    def golden_output(self) -> Tensor:
        """Two probabilities."""
        return self.probability(torch.stack((wave(SIDE, SIDE, SIDE), wave(SIDE, SIDE, SIDE) + 600)))

    def probability(self, cubes: Tensor) -> Tensor:
        """How sure it is of a nodule in the middle: ``[b, 32, 32, 32]`` in HU to ``[b]``."""
        with torch.inference_mode():
            parts = [self.network(part.float()) for part in torch.split(cubes, _BATCH)]
        return torch.cat(parts).sigmoid()

    def is_nodule(self, cubes: Tensor) -> Tensor:
        """`probability` at or over the threshold: booleans ``[b]``."""
        return self.probability(cubes) >= self.threshold
