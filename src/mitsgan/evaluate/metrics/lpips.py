"""LPIPS: how far two pictures are apart for a network that learned to see.

Zhang et al., The Unreasonable Effectiveness of Deep Features as a Perceptual Metric, CVPR 2018,
version 0.1 with AlexNet, written with plain torch. The network was trained on photographs: on CT
the value is comparable between scans, and is no statement about what a radiologist sees.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from mitsgan.errors import WeightsError
from mitsgan.evaluate.metrics.windows import GreyWindow
from mitsgan.networks import DAMAGED, load_weights

Array = NDArray[np.float32]

KIND = "lpips"
"""Of weights, as their card says, that hold AlexNet and the heads."""

SMALLEST = 31
"""Pixels a side below which nothing is left of a picture after AlexNet's second pooling."""

_SHIFT = (-0.030, -0.088, -0.188)
_SCALE = (0.458, 0.448, 0.450)
_NEVER_ZERO = 1e-10
_UNREADABLE = (*DAMAGED, OSError)


class _Layer(NamedTuple):
    """A convolution of AlexNet; its name is the one in torchvision's state dict."""

    name: str
    shape: tuple[int, int, int, int]
    stride: int
    padding: int
    pooled: bool


_LAYERS = (
    _Layer("features.0", (64, 3, 11, 11), 4, 2, False),
    _Layer("features.3", (192, 64, 5, 5), 1, 2, True),
    _Layer("features.6", (384, 192, 3, 3), 1, 1, True),
    _Layer("features.8", (256, 384, 3, 3), 1, 1, False),
    _Layer("features.10", (256, 256, 3, 3), 1, 1, False),
)


class Lpips:
    """The distance with its weights.

    Args:
        weights: by name. ``features.N.weight`` and ``.bias`` as in torchvision's AlexNet, and
            ``linN.model.1.weight`` as in the official linear heads.

    Raises:
        WeightsError: a tensor is missing or of another shape.
    """

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        self._kernels: list[tuple[_Layer, Tensor, Tensor]] = []
        self._heads: list[Tensor] = []
        for number, layer in enumerate(_LAYERS):
            channels = layer.shape[0]
            kernel = _taken(weights, f"{layer.name}.weight", layer.shape)
            bias = _taken(weights, f"{layer.name}.bias", (channels,))
            self._kernels.append((layer, kernel, bias))
            self._heads.append(_taken(weights, f"lin{number}.model.1.weight", (1, channels, 1, 1)))

    @classmethod
    def load(cls, path: Path) -> Lpips:
        """Read the backbone, and the heads where the file has them; else torchmetrics' copy.

        Nothing but tensors is unpickled.

        Raises:
            WeightsError: no such file, or not AlexNet's weights.
        """
        weights = _tensors(path)
        if "lin0.model.1.weight" not in weights:
            weights = {**_tensors(_heads()), **weights}
        return cls(weights)

    @torch.no_grad()
    def layers(self, a: Tensor, b: Tensor) -> list[Tensor]:
        """Distances per layer, ``[n, 1, h, w]`` of its own size, of pictures ``[n, 3, h, w]``
        in -1..1.
        """
        shift, scale = (torch.tensor(v).reshape(1, 3, 1, 1) for v in (_SHIFT, _SCALE))
        both = (torch.cat([a, b]) - shift) / scale
        maps = []
        for (layer, kernel, bias), head in zip(self._kernels, self._heads, strict=True):
            if layer.pooled:
                both = F.max_pool2d(both, 3, 2)
            both = F.conv2d(both, kernel, bias, layer.stride, layer.padding).relu()
            length = both.square().sum(1, keepdim=True).sqrt()
            x, y = (both / (length + _NEVER_ZERO)).chunk(2)
            maps.append(F.conv2d((x - y).square(), head))
        return maps

    def maps(self, a: Array, b: Array, window: GreyWindow) -> tuple[Array, Array]:
        """Compare slices ``[n, y, x]`` in HU, which the window turns grey.

        Returns:
            A score per slice ``[n]``, and the distance at every pixel ``[n, y, x]``: the layers
            interpolated to the size of the slices and summed. The mean of the second is near the
            first, not equal.
        """
        scores, places = [], []
        for before, after in zip(a, b, strict=True):
            x, y = (_grey(v, window) for v in (before, after))
            layers = self.layers(x, y)
            scores.append(sum(float(layer.mean()) for layer in layers))
            size = before.shape
            places.append(
                sum(
                    (F.interpolate(v, size, mode="bilinear") for v in layers),
                    torch.zeros(1, 1, *size),
                )[0, 0].numpy()
            )
        return np.asarray(scores, np.float32), np.stack(places)


def fits(shape: Sequence[int]) -> bool:
    """Whether a picture of that many rows and columns is large enough."""
    return min(shape) >= SMALLEST


def _grey(hu: Array, window: GreyWindow) -> Tensor:
    unit = (torch.from_numpy(window.clip(hu)) - window.low) / window.data_range
    return (2 * unit - 1).expand(1, 3, *hu.shape)


def _heads() -> Path:
    import torchmetrics

    return Path(torchmetrics.__file__).parent / "functional/image/lpips_models/alex.pth"


def _tensors(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise WeightsError(f"{path}: no such file; give the state dict of AlexNet for LPIPS")
    try:
        if path.suffix == ".safetensors":
            return load_weights(path, KIND)[0]
        stored = torch.load(path, map_location="cpu", weights_only=True)
    except _UNREADABLE as error:
        raise WeightsError(
            f"{path}: not a file of tensors; give the state dict of AlexNet for LPIPS"
        ) from error
    if not isinstance(stored, Mapping):
        raise WeightsError(f"{path}: holds no state dict; give the state dict of AlexNet for LPIPS")
    return {str(k): v for k, v in stored.items() if isinstance(v, Tensor)}


def _taken(weights: Mapping[str, Tensor], name: str, shape: tuple[int, ...]) -> Tensor:
    tensor = weights.get(name)
    if tensor is None or tuple(tensor.shape) != shape:
        state = "missing" if tensor is None else f"of shape {tuple(tensor.shape)}"
        raise WeightsError(
            f"LPIPS weights: {name} is {state}, expected {shape}; give AlexNet as torchvision "
            "stores it (alexnet-owt-*.pth)"
        )
    return tensor.detach().float()
