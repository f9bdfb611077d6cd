"""A trained attacker: a generator, its equalisation table, and what it was made for."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Self

import torch
from torch import Tensor, nn

from mitsgan.attack.attacker import Attacker
from mitsgan.attack.equalize import Equalization
from mitsgan.attack.networks.architectures import network_of
from mitsgan.attack.networks.ctgan import CORE, SIDE
from mitsgan.attack.networks.diffusion import DiffusionInpainter
from mitsgan.attack.networks.lefusion.inpainter import LesionInpainter
from mitsgan.attack.overflow import repair
from mitsgan.attack.plan import ACTIONS, Action
from mitsgan.networks import Card, Kind, Model, Precision
from mitsgan.networks.golden import wave

_EVEN_HU = 0.001


@dataclass(frozen=True, eq=False)
class TrainedAttacker(Model, Attacker):
    """Repaints the core of a cube: steps 3 to 5 of the pipeline.

    Attributes:
        action: what the network was trained to do.
        network: the generator, in evaluation mode.
        equalization: its table.
        name: for reports.
        card: of the weights.
    """

    KIND: ClassVar[Kind] = "attacker"
    MEMORY: ClassVar[torch.memory_format] = torch.channels_last_3d
    TOLERANCE: ClassVar[float] = 2.0
    """HU."""

    action: Action
    network: nn.Module
    equalization: Equalization
    name: str = "ct-gan"
    card: Card = field(default_factory=dict)

    @classmethod
    def from_tensors(cls, tensors: dict[str, Tensor], card: Card) -> Self:
        """See `Model.from_tensors`."""
        bins, cdf = tensors.pop("bins"), tensors.pop("cdf")
        if len(bins) == 2 < len(cdf):
            bins = _evenly(bins, len(cdf))
        network = network_of(card["config"])
        network.load_state_dict(tensors)
        mean, low, high = (float(card["equalization"][k]) for k in ("mean", "low", "high"))
        action: Action = card["config"]["action"]
        if action not in ACTIONS:
            raise ValueError(f"the action must be inject or remove, found {action!r}")
        table = Equalization(bins, cdf, mean, low, high)
        return cls(action, network, table, str(card["name"]), card)

    def to(self, device: torch.device, dtype: torch.dtype) -> Self:
        """See `Model.to`; the table goes along, in its own precision."""
        e = self.equalization
        table = replace(e, bins=e.bins.to(device), cdf=e.cdf.to(device))
        return replace(super().to(device, dtype), equalization=table)

    def to_tensors(self, precision: Precision) -> dict[str, Tensor]:
        """See `Model.to_tensors`.

        But in float32, bins that are evenly spaced to 0.001 HU are the first and the last.
        """
        e = self.equalization
        ends = e.bins[[0, -1]]
        evenly = bool((_evenly(ends, len(e.bins)) - e.bins).abs().max() < _EVEN_HU)
        bins = ends if evenly and precision != "float32" else e.bins
        return {**self.network.state_dict(), "bins": bins, "cdf": e.cdf}

    def entries(self) -> Card:
        """See `Model.entries`."""
        e = self.equalization
        table = {"mean": e.mean, "low": e.low, "high": e.high}
        return {"name": self.name, "equalization": table}

    def golden_output(self) -> Tensor:
        """Some voxels of a repainted cube in HU, ``[8, 16, 16]``."""
        painted = self.repaint(wave(1, SIDE, SIDE, SIDE))
        return painted[0, ::4, ::2, ::2].contiguous()

    def condition(self, cubes: Tensor) -> Tensor:
        """``[b, 32, 32, 32]`` in HU to the generator's input ``[b, 1, 32, 32, 32]``.

        The core is zero, but for one that draws lesions: it sees all that it does not paint.
        """
        unit = self.equalization.normalize(cubes)[:, None]
        return unit if isinstance(self.network, LesionInpainter) else unit * _shell(unit)

    def paint(self, cubes: Tensor, seeds: Sequence[int] | None = None) -> Tensor:
        """See `Attacker.paint`: it has seen the shell alone, and repaints the whole cube.

        One that draws lesions has seen all else, and leaves that as it is. ``seeds`` has one a
        cube, for a network that draws at random; 0 for all by default.
        """
        condition = self.condition(cubes)
        if isinstance(self.network, DiffusionInpainter | LesionInpainter):
            painted = self.network(condition, seeds)
        else:
            painted = self.network(condition)
        hu = self.equalization.denormalize(painted[:, 0].to(cubes.dtype).clamp(-0.5, 0.5))
        if isinstance(self.network, LesionInpainter):
            return torch.where(self.network.lesions(seeds or [0] * len(cubes)), hu, cubes)
        return hu

    def repaint(
        self,
        cubes: Tensor,
        repair: Callable[[Tensor], Tensor] = repair,
        seeds: Sequence[int] | None = None,
    ) -> Tensor:
        """See `Attacker.repaint`."""
        return repair(self.paint(cubes, seeds))

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self.equalization.bins.device

    @property
    def width(self) -> int | None:
        """Channels of its network."""
        return getattr(self.network, "width", None)

    def digest(self) -> str:
        """See `Attacker.digest`: changes with its weights."""
        total = hashlib.sha256(self.action.encode())
        for value in self.network.state_dict().values():
            total.update(value.contiguous().float().numpy().tobytes())
        return total.hexdigest()


def _shell(like: Tensor) -> Tensor:
    mask = torch.ones(SIDE, SIDE, SIDE, dtype=like.dtype, device=like.device)
    mask[CORE, CORE, CORE] = 0
    return mask


def _evenly(ends: Tensor, count: int) -> Tensor:
    first, last = ends.double().tolist()
    return torch.linspace(first, last, count, dtype=torch.float64).to(ends)
