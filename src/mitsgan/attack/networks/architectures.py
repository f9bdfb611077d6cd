"""The inpainting networks that an attacker can be made of, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Literal

from torch import nn

from mitsgan.attack.networks.ctgan import Generator
from mitsgan.attack.networks.diffusion import DiffusionInpainter
from mitsgan.attack.networks.residual import ResidualInpainter

Architecture = Literal["ct-gan", "residual", "diffusion"]

ARCHITECTURES: Mapping[Architecture, Callable[[int], nn.Module]] = MappingProxyType(
    {"ct-gan": Generator, "residual": ResidualInpainter, "diffusion": DiffusionInpainter}
)
"""From a width to the network, ``[b, 1, 32, 32, 32]`` to the same."""
