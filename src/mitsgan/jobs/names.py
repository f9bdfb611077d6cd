"""Names of protectors and attackers that can be asked for."""

from __future__ import annotations

from mitsgan.attack import ATTACKERS
from mitsgan.protect.protector import PROTECTORS


def attacker_names() -> tuple[str, ...]:
    """Of pairs: ours first, then those that were registered or installed."""
    return ATTACKERS.names()


def protector_names() -> tuple[str, ...]:
    """Of protectors that need no optimisation, likewise."""
    return PROTECTORS.names()
