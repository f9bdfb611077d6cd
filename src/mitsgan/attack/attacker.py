"""An attacker: a trained generator, its equalisation table, and what it was made for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mitsgan.attack.architectures import ARCHITECTURES
from mitsgan.attack.ctgan import CORE, SIDE
from mitsgan.attack.equalize import Equalization
from mitsgan.attack.plan import Action
from mitsgan.errors import WeightsError
from mitsgan.layout import channels_last
from mitsgan.weights import Card, Precision, load_weights, save_weights

__all__ = ["Action", "Attacker"]

_OVERFLOW_HU, _FLOOR_HU = 2000.0, -1000.0


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
            WeightsError: see `mitsgan.weights.load_weights`.
        """
        tensors, card = load_weights(path, "attacker")
        try:
            bins, cdf = tensors.pop("bins"), tensors.pop("cdf")
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

        ``precision`` is that of the generator's kernels, see `mitsgan.weights.save_weights`.
        """
        e = self.equalization
        table = {"mean": e.mean, "low": e.low, "high": e.high}
        save_weights(
            path,
            {**self.generator.state_dict(), "bins": e.bins, "cdf": e.cdf},
            {**card, "kind": "attacker", "name": self.name, "equalization": table},
            precision=precision,
        )

    def condition(self, cubes: Tensor) -> Tensor:
        """``[b, 32, 32, 32]`` in HU to the generator's input ``[b, 1, 32, 32, 32]``."""
        unit = self.equalization.normalize(cubes)[:, None]
        return unit * _shell(unit)

    def repaint(self, cubes: Tensor) -> Tensor:
        """Cubes ``[b, 32, 32, 32]`` in HU at 1 mm, to the same with the core repainted.

        The generator repaints the whole cube, of which it has seen the shell; all of it is used.
        """
        painted = self.generator(self.condition(cubes))[:, 0].to(cubes.dtype)
        return repair(self.equalization.denormalize(painted.clamp(-0.5, 0.5)))


def repair(hu: Tensor) -> Tensor:
    """Overflow (over 2000 HU) becomes the mean of its neighbourhood; nothing is below -1000."""
    over = hu.detach() > _OVERFLOW_HU
    if bool(over.any()):
        padded = F.pad(hu[:, None], (2,) * 6, value=_FLOOR_HU)
        hu = torch.where(over, F.avg_pool3d(padded, 5, stride=1)[:, 0], hu)
    return hu.clamp_min(_FLOOR_HU)


def _shell(like: Tensor) -> Tensor:
    mask = torch.ones(SIDE, SIDE, SIDE, dtype=like.dtype, device=like.device)
    mask[CORE, CORE, CORE] = 0
    return mask
