"""Attacks that differ a little from one another: what disrupts them all carries over to others.

Diverse inputs and shifts raise how far adversarial examples transfer (Xie et al., CVPR 2019; Dong
et al., CVPR 2019). And a scan may see light processing on its way to an attacker: a protection
should not rest on its absence.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from mitsgan.attack.attacker import Attacker
from mitsgan.attack.resample import Shift
from mitsgan.attack.strikes import Strikes
from mitsgan.attack.tamper import Cut, tamper_cut

LARGEST_NOISE_HU = 10.0

_FINENESS = 8
"""Parts of a voxel that shifts are whole multiples of: so few that their arithmetic is kept."""


@dataclass(frozen=True)
class Variety:
    """One way to attack, the same for the scan as it was and for what was made of it.

    Attributes:
        shift: parts of a voxel ``[z, y, x]`` by which the cube is moved.
        process: what the scan has seen before, of blocks ``[b, z, y, x]`` in HU; differentiable.
    """

    shift: Shift
    process: Callable[[Tensor], Tensor]

    @classmethod
    def draw(cls, random: torch.Generator, processed: float) -> Variety:
        """A shift of up to half a voxel, and light processing of a share of all draws."""
        parts = (torch.rand(3, generator=random) - 0.5).mul(_FINENESS).round().div(_FINENESS)
        z, y, x = parts.tolist()
        return cls((z, y, x), light_processing(processed, random))

    def strikes(self, original: Cut, attacker: Attacker) -> Strikes:
        """Attacks of this kind."""
        return Strikes(self.cut(original), attacker, partial(tamper_cut, shift=self.shift))

    def cut(self, cut: Cut) -> Cut:
        """What such attacks see of a cut; differentiable."""
        return replace(cut, before=self.process(cut.before))


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
