"""MITS-GAN as a protector: a trained generator, run by torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Self, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mitsgan.networks import Card
from mitsgan.networks.golden import wave
from mitsgan.networks.precision import has_native_bfloat16
from mitsgan.protect.bounded import BoundedGenerator
from mitsgan.protect.network import PerturbationGenerator
from mitsgan.protect.patches import HALO, PATCH, Spacing
from mitsgan.protect.protector import register
from mitsgan.protect.trained import TrainedProtector


@register
@dataclass(frozen=True, eq=False)
class MitsGan(BoundedGenerator, TrainedProtector):
    """The perturbation of one generator for one seed.

    On a processor the weights that ship usually run without torch (`mitsgan.protect.graph`).

    Attributes:
        network: the generator, in evaluation mode, on the device where it is to run.
        seed: of the noise that the generator is fed; same seed, same perturbation.
        card: of the weights.
    """

    name: ClassVar[str] = "mits-gan"
    title: ClassVar[str] = "MITS-GAN"
    summary: ClassVar[str] = (
        "bounded, three-dimensional, trained through the attackers at random lung positions"
    )
    SHIPPED: ClassVar[str | None] = "mitsgan"
    MEMORY: ClassVar[torch.memory_format] = torch.channels_last_3d

    network: PerturbationGenerator
    seed: int = 0
    card: Card = field(default_factory=dict)

    @classmethod
    def from_tensors(cls, tensors: dict[str, Tensor], card: Card) -> Self:
        """See `Model.from_tensors`; the weights tell which of both it is, with waves or without."""
        config = card["config"]
        a, b = (int(w) for w in config["width"])
        waves = tuple(config.get("waves", ()))
        network = PerturbationGenerator((a, b), int(config.get("reach", 0)), waves)
        network.load_state_dict(tensors)
        kind = MitsGanWaves if waves else MitsGan
        return cast(Self, kind(network, card=card))

    @classmethod
    def dtype_on(cls, device: torch.device) -> torch.dtype:
        """Half the precision (bfloat16) where the device computes in it natively."""
        return torch.bfloat16 if has_native_bfloat16(device) else torch.float32

    def golden_output(self) -> Tensor:
        """The perturbation as a part of the budget, ``[3, 32, 40]``."""
        hu = wave(3 + 2 * HALO, 32, 40)
        noise = (wave(len(hu), 32 // PATCH, 40 // PATCH) + 850) / 60
        return cast(Tensor, self.network(hu, noise, (2.5, 0.7, 0.7))).tanh()

    def part_of_budget(
        self,
        hu: NDArray[np.float32],
        noise: NDArray[np.float32],
        spacing: Spacing,
        phase: tuple[float, float],
    ) -> NDArray[np.float32]:
        """See `BoundedGenerator.part_of_budget`."""
        device = self.device
        inputs = (torch.from_numpy(part).to(device) for part in (hu, noise))
        with torch.inference_mode():
            residual = self.network(*inputs, spacing, phase)
            bounded: NDArray[np.float32]
            if device.type == "cpu":
                bounded = np.tanh(residual.numpy())  # a tenth of the time that torch takes
            else:
                bounded = residual.tanh_().cpu().numpy()
        return bounded


@register
@dataclass(frozen=True, eq=False)
class MitsGanWaves(MitsGan):
    """The same with a network that chooses plane waves patch by patch, trained on more.

    Attributes:
        network, seed, card: see `MitsGan`; the seed is of the waves' phase as well.
    """

    name: ClassVar[str] = "mits-gan-waves"
    title: ClassVar[str] = "MITS-GAN with waves"
    summary: ClassVar[str] = (
        "the same with waves that attackers alias, trained against diffusion as well"
    )
    SHIPPED: ClassVar[str | None] = "mitsgan-waves"
