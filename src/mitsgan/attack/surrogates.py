"""The attackers that ship: small surrogates, pairs of an injector and a remover."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

from mitsgan.attack.plan import Action
from mitsgan.networks import shipped

Surrogate = Literal["textured", "smooth", "narrow", "residual", "diffusion"]
"""What a pair is called.

- ``textured``: the published architecture, adversarial weight 10: paints lung texture.
- ``smooth``: the published architecture and losses, another seed: averages texture out.
- ``narrow``: textured, of another width and seed.
- ``residual``: textured, of another architecture. No protector may be trained against it.
- ``diffusion``: draws the core out of noise in a dozen steps. No protector may be trained
  against it.
"""

SURROGATES: tuple[Surrogate, ...] = get_args(Surrogate)
HELD_OUT: frozenset[Surrogate] = frozenset({"residual", "diffusion"})
"""Pairs kept out of all training of protectors, to measure what strikes an unknown attacker."""

NAMES: dict[Action, str] = {"inject": "injector", "remove": "remover"}
"""What an attacker of an action is called."""


def surrogate_name(surrogate: Surrogate, action: Action) -> str:
    """What the weights are called, such as ``injector-textured``."""
    return f"{NAMES[action]}-{surrogate}"


def surrogate_path(surrogate: Surrogate, action: Action) -> Path:
    """Where the weights of a shipped attacker lie."""
    return shipped(surrogate_name(surrogate, action))
