"""The inpainting networks that an attacker can be made of, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Literal

from torch import nn

from mitsgan.attack.networks.ctgan import Generator
from mitsgan.attack.networks.diffusion import DiffusionInpainter
from mitsgan.attack.networks.lefusion.inpainter import LesionInpainter
from mitsgan.attack.networks.residual import ResidualInpainter

Architecture = Literal["ct-gan", "residual", "diffusion"]

ARCHITECTURES: Mapping[Architecture, Callable[[int], nn.Module]] = MappingProxyType(
    {"ct-gan": Generator, "residual": ResidualInpainter, "diffusion": DiffusionInpainter}
)
"""Those that are trained here: from a width to the network, ``[b, 1, 32, 32, 32]`` to the same."""

LEFUSION = "lefusion"
"""What a card calls the network of LeFusion, which is imported and never trained here."""


def network_of(config: Mapping[str, Any]) -> nn.Module:
    """The network that a card's ``config`` describes, without its weights.

    Raises:
        KeyError, TypeError, ValueError: it describes none.
    """
    architecture = config.get("architecture", "ct-gan")
    if architecture == LEFUSION:
        return LesionInpainter.from_config(config)
    return ARCHITECTURES[architecture](int(config["width"]))
