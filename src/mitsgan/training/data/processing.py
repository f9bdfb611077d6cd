"""Light processing that a scan may see on its way: a protection should not rest on its absence."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

LARGEST_NOISE_HU = 10.0


def light_processing(share: float, random: torch.Generator) -> Callable[[Tensor], Tensor]:
    """With probability ``share`` a slight in-plane blur or added noise, else nothing.

    The same draw is meant for the original and the protected scan: what it returns adds the same
    noise at every call.

    Args:
        share: of draws that do anything.
        random: decides.

    Returns:
        A differentiable function of blocks ``[b, z, y, x]`` in HU.
    """
    chance, kind, strength = torch.rand(3, generator=random).tolist()
    seed = int(torch.randint(2**62, (), generator=random))
    if chance >= share:
        return lambda blocks: blocks
    if kind < 0.5:
        return lambda blocks: torch.lerp(blocks, _binomial(blocks), strength)

    def noisy(blocks: Tensor) -> Tensor:
        own = torch.Generator().manual_seed(seed)
        noise: Tensor = torch.randn(blocks.shape, generator=own).to(blocks)
        return blocks + noise * float(LARGEST_NOISE_HU * strength)

    return noisy


def _binomial(blocks: Tensor) -> Tensor:
    """Each slice blurred by 1-2-1 along both axes; the border repeats."""
    taps = torch.tensor([0.25, 0.5, 0.25]).to(blocks)
    kernel = (taps[:, None] * taps)[None, None]
    slices = blocks.flatten(0, 1)[:, None]
    blurred = F.conv2d(F.pad(slices, (1, 1, 1, 1), mode="replicate"), kernel)
    return blurred.reshape(blocks.shape)
