"""A three-dimensional convolutional classifier of lung cubes: nodule in the middle, or none.

It stands in for a reader where thousands of cubes have to be judged: whether an injected lesion
is taken for one, whether a removed one is gone. It is no medical device and no detector.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from mitsgan.errors import WeightsError
from mitsgan.networks import Card, load_weights, save_weights
from mitsgan.networks.memory_format import channels_last

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


@dataclass(frozen=True)
class NoduleClassifier:
    """A trained classifier.

    Attributes:
        network: in evaluation mode.
        threshold: probability from which on a cube is called a nodule.
    """

    network: ClassifierNetwork
    threshold: float = 0.5

    @classmethod
    def load(cls, path: Path) -> NoduleClassifier:
        """Read a classifier that `save` wrote.

        Raises:
            WeightsError: see `mitsgan.networks.load_weights`.
        """
        tensors, card = load_weights(path, "classifier")
        try:
            network = ClassifierNetwork(int(card["config"]["width"]))
            network.load_state_dict(tensors)
            threshold = float(card["threshold"])
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise WeightsError(f"{path}: card and tensors do not fit: {error}") from error
        return cls(channels_last(network).eval().requires_grad_(False), threshold)

    def save(self, path: Path, card: Card) -> None:
        """Write the network; ``card`` holds at least ``config``."""
        full = {**card, "kind": "classifier", "threshold": self.threshold}
        save_weights(path, self.network.state_dict(), full, precision="float16")

    def probability(self, cubes: Tensor) -> Tensor:
        """How sure it is of a nodule in the middle: ``[b, 32, 32, 32]`` in HU to ``[b]``."""
        with torch.inference_mode():
            parts = [self.network(part.float()) for part in torch.split(cubes, _BATCH)]
        return torch.cat(parts).sigmoid()

    def is_nodule(self, cubes: Tensor) -> Tensor:
        """`probability` at or over the threshold: booleans ``[b]``."""
        return self.probability(cubes) >= self.threshold
