"""Removals by networks that are each somewhat otherwise: magnified, moved, and with gaps.

What disrupts many variants of an attacker may disrupt attackers that were not there: diverse inputs
(Xie et al., CVPR 2019), and networks whose features are dropped at random (Li et al., "Learning
transferable adversarial examples via ghost networks", AAAI 2020).
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from mitsgan.attack import Attacker, Outcome, TrainedAttacker
from mitsgan.attack.networks.ctgan import CORE, Generator
from mitsgan.attack.objectives import brighter_hu, logarithm
from mitsgan.errors import SettingsError

MAGNIFIED, MOVED_MM, DROPPED = 0.1, 1.5, 0.1
"""At most: by which part cubes are magnified or shrunk, how far they are moved along each axis, and
which share of an attacker's channels is dropped."""


@dataclass(frozen=True)
class Variant:
    """One way in which an attacker is otherwise, the same for a whole batch.

    Attributes:
        magnification: of cubes; 1 leaves them as they are.
        moved: of cubes, as a part of half their side, ``[3]``.
        dropped: share of the channels of each level that is set to 0.
        seed: decides which.
    """

    magnification: float
    moved: tuple[float, ...]
    dropped: float
    seed: int

    @classmethod
    def draw(cls, seed: int, side: int) -> Variant:
        """Uniform within the limits above."""
        random = torch.Generator().manual_seed(seed)
        size, share, *ways = torch.rand(5, generator=random).tolist()
        moved = tuple((2 * way - 1) * 2 * MOVED_MM / side for way in ways)
        return cls(1 + (2 * size - 1) * MAGNIFIED, moved, share * DROPPED, seed)

    def cubes(self, cubes: Tensor) -> Tensor:
        """Cubes ``[b, z, y, x]`` in HU, magnified and moved; what is beyond repeats the border."""
        grow = torch.eye(3) / self.magnification
        matrix = torch.cat((grow, torch.tensor(self.moved)[:, None]), 1).to(cubes)
        grid = F.affine_grid(
            matrix.expand(len(cubes), 3, 4), [len(cubes), 1, *cubes.shape[1:]], align_corners=False
        )
        return F.grid_sample(cubes[:, None], grid, padding_mode="border", align_corners=False)[:, 0]

    def cores(self, attacker: Attacker, cubes: Tensor) -> Tensor:
        """What it paints into the cores of cubes ``[b, 32, 32, 32]``, ``[b, 20, 20, 20]``, in HU.

        Raises:
            SettingsError: it is no CT-GAN.
        """
        if not (isinstance(attacker, TrainedAttacker) and isinstance(attacker.network, Generator)):
            raise SettingsError(f"{attacker} is no CT-GAN; its features are not known")
        random = torch.Generator().manual_seed(self.seed)
        network, levels = attacker.network, [attacker.condition(self.cubes(cubes))]
        for down in network.down:
            levels.append(self._gaps(down(levels[-1]), random))
        field = levels[-1]
        for up, skip in zip(network.up, levels[-2:0:-1], strict=True):
            field = up(field, skip)
        painted = torch.tanh(network.last.doubled(field))[:, 0].to(cubes.dtype)
        hu = attacker.equalization.denormalize(painted.clamp(-0.5, 0.5))
        return hu[:, CORE, CORE, CORE]

    def _gaps(self, level: Tensor, random: torch.Generator) -> Tensor:
        """A level ``[b, channels, z, y, x]`` without some channels; the others make up for them."""
        kept = torch.rand(level.shape[1], generator=random) >= self.dropped
        weight = kept.to(level) / (1 - self.dropped)
        return level * weight[:, None, None, None]


def more_remainder(outcome: Outcome) -> Tensor:
    """Logarithm of what a removal leaves that the same leaves not on the scan as it was, ``[b]``.

    `mitsgan.attack.objectives.more_remainder`, of a variant that follows from the positions of the
    batch, so that threads may compute in any order.
    """
    plans = outcome.changed.plans
    positions = repr([plan.position for plan in plans]).encode()
    attacker, original = outcome.strikes.attacker, outcome.strikes.original
    before = original.cubes(original.before)
    variant = Variant.draw(zlib.crc32(positions), before.shape[-1])
    with torch.no_grad():
        reference = variant.cores(attacker, before)
    cores = variant.cores(attacker, outcome.changed.cubes(outcome.changed.before))
    return logarithm(brighter_hu(cores, reference))
