"""An attacker: a trained generator, its equalisation table, and what it was made for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from mitsgan.attack.equalize import Equalization
from mitsgan.attack.networks.architectures import ARCHITECTURES
from mitsgan.attack.networks.ctgan import CORE, SIDE
from mitsgan.attack.overflow import repair
from mitsgan.attack.plan import Action
from mitsgan.errors import WeightsError
from mitsgan.networks import Card, Precision, load_weights, save_weights
from mitsgan.networks.memory_format import channels_last

__all__ = ["Action", "Attacker"]

_EVEN_HU = 0.001


@dataclass(frozen=True)
class Attacker:
    """Repaints the core of a cube: steps 3 to 5 of the pipeline.

    Attributes:
        action: what the generator was trained to do.
        generator: in evaluation mode.
        equalization: its table.
        name: for reports.
    """

    action: Action
    generator: nn.Module
    equalization: Equalization
    name: str = "ct-gan"

    @classmethod
    def load(cls, path: Path, device: torch.device | str = "cpu") -> Attacker:
        """Read an attacker that `save` wrote.

        Raises:
            WeightsError: see `mitsgan.networks.load_weights`.
        """
        tensors, card = load_weights(path, "attacker")
        try:
            bins, cdf = tensors.pop("bins"), tensors.pop("cdf")
            if len(bins) == 2 < len(cdf):
                bins = _evenly(bins, len(cdf))
            architecture = ARCHITECTURES[card["config"].get("architecture", "ct-gan")]
            generator = architecture(int(card["config"]["width"]))
            generator.load_state_dict(tensors)
            mean, low, high = (float(card["equalization"][k]) for k in ("mean", "low", "high"))
            action: Action = card["config"]["action"]
            if action not in ("inject", "remove"):
                raise ValueError(f"the action must be inject or remove, found {action!r}")
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise WeightsError(f"{path}: card and tensors do not fit: {error}") from error
        generator.eval().requires_grad_(False)
        return cls(
            action,
            channels_last(generator.to(device)),
            Equalization(bins.to(device), cdf.to(device), mean, low, high),
            str(card["name"]),
        )

    def save(self, path: Path, card: Card, *, precision: Precision = "float16") -> None:
        """Write generator and table as safetensors; ``card`` holds at least ``config``.

        ``precision`` is that of the generator's kernels, see `mitsgan.networks.save_weights`. But
        in float32, bins that are evenly spaced to 0.001 HU are stored as the first and the last.
        """
        e = self.equalization
        ends = e.bins[[0, -1]]
        evenly = bool((_evenly(ends, len(e.bins)) - e.bins).abs().max() < _EVEN_HU)
        bins = ends if evenly and precision != "float32" else e.bins
        table = {"mean": e.mean, "low": e.low, "high": e.high}
        save_weights(
            path,
            {**self.generator.state_dict(), "bins": bins, "cdf": e.cdf},
            {**card, "kind": "attacker", "name": self.name, "equalization": table},
            precision=precision,
        )

    def condition(self, cubes: Tensor) -> Tensor:
        """``[b, 32, 32, 32]`` in HU to the generator's input ``[b, 1, 32, 32, 32]``."""
        unit = self.equalization.normalize(cubes)[:, None]
        return unit * _shell(unit)

    def repaint(self, cubes: Tensor, repair: Callable[[Tensor], Tensor] = repair) -> Tensor:
        """Cubes ``[b, 32, 32, 32]`` in HU at 1 mm, to the same with the core repainted.

        The generator repaints the whole cube, of which it has seen the shell; all of it is used.
        ``repair`` mends what it painted outside the range of a CT, see `mitsgan.attack.overflow`.
        """
        painted = self.generator(self.condition(cubes))[:, 0].to(cubes.dtype)
        return repair(self.equalization.denormalize(painted.clamp(-0.5, 0.5)))


def _shell(like: Tensor) -> Tensor:
    mask = torch.ones(SIDE, SIDE, SIDE, dtype=like.dtype, device=like.device)
    mask[CORE, CORE, CORE] = 0
    return mask


def _evenly(ends: Tensor, count: int) -> Tensor:
    first, last = ends.double().tolist()
    return torch.linspace(first, last, count, dtype=torch.float64).to(ends)
