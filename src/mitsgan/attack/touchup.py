"""The last step of CT-GAN: lung noise on what was repainted, and a soft edge around it.

The published touch-up copies its noise from one fixed voxel of the scan, and yields NaN where
there is no lung. This one, the repaired attacker's, copies it from lung beside the cube.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mitsgan.attack.plan import LUNG, Action


def lung_noise(block: Tensor) -> Tensor:
    """What varies in the aerated lung of a block, HU; zero elsewhere. ``[b, z, y, x]``."""
    lung = (block.detach() > LUNG[0]) & (block.detach() < LUNG[1])
    count = lung.sum((-3, -2, -1), keepdim=True).clamp_min(1)
    mean = (block * lung).sum((-3, -2, -1), keepdim=True) / count
    return (block - mean) * lung


def blend(before: Tensor, painted: Tensor, noise: Tensor, action: Action) -> Tensor:
    """Original and repainted block to the final one; all ``[b, z, y, x]`` in HU."""
    after = painted + noise
    height, width = before.shape[-2:]
    if action == "inject":
        kernel = _kernel(height, width, 3.0).to(before)
        weight = torch.sigmoid((painted + 700) / 70) * kernel
        return torch.maximum(after * weight + before * (1 - weight), before)
    kernel = _kernel(height, width, 0.1).to(before)
    return after * kernel + before * (1 - kernel)


@lru_cache(maxsize=64)
def _kernel(height: int, width: int, spread: float) -> Tensor:
    """Bell-shaped weight ``[height, width]`` in [0, 1], one in the middle."""
    outer = np.sqrt(np.outer(_bell(height, spread), _bell(width, spread)))
    outer /= outer.sum()
    return torch.from_numpy((outer - outer.min()) / (outer.max() - outer.min()))


def _bell(size: int, spread: float) -> NDArray[np.float64]:
    half = (2 * spread + 1) / size / 2
    points = torch.linspace(-spread - half, spread + half, size + 1, dtype=torch.float64)
    return np.asarray(torch.special.ndtr(points).diff().numpy())
