"""The last step of CT-GAN: lung noise on what was repainted, and a soft edge around it.

The published touch-up copies its noise from around one fixed voxel of the scan, and yields NaN
where there is no lung. The repaired one copies it from lung beside the cube, and is never NaN.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mitsgan.attack.noise_source import LUNG
from mitsgan.attack.plan import Action

_PUBLISHED_LUNG_HU = -800.0


def lung_noise(block: Tensor) -> Tensor:
    """What varies in the aerated lung of a block, HU; zero elsewhere. ``[b, z, y, x]``."""
    lung = (block.detach() > LUNG[0]) & (block.detach() < LUNG[1])
    count = lung.sum((-3, -2, -1), keepdim=True).clamp_min(1)
    mean = (block * lung).sum((-3, -2, -1), keepdim=True) / count
    return (block - mean) * lung


def published_noise(block: Tensor) -> Tensor:
    """What varies below -800 HU in a block, HU. ``[b, z, y, x]``.

    All that is above becomes the mean of what is below, then the block's mean is taken away.
    NaN everywhere in a block that has voxels above and none below, as in the release.
    """
    below = block.detach() < _PUBLISHED_LUNG_HU
    axes = (-3, -2, -1)
    lung = torch.where(below, block, 0).sum(axes, keepdim=True) / below.sum(axes, keepdim=True)
    filled = torch.where(block.detach() > _PUBLISHED_LUNG_HU, lung, block)
    return filled - filled.mean(axes, keepdim=True)


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
