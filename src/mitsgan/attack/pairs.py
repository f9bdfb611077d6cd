"""Attackers by name, in pairs: an injector and a remover; ours, and anybody's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch

from mitsgan.attack.attacker import Attacker
from mitsgan.attack.plan import Action
from mitsgan.attack.surrogates import HELD_OUT, SURROGATES, Surrogate, surrogate_path
from mitsgan.attack.trained import TrainedAttacker
from mitsgan.registry import ATTACKERS_GROUP, Registry, unmakeable


class Pair(Protocol):
    """An injector and a remover of one name; a subclass of `Attacker` is one."""

    @property
    def name(self) -> str:
        """By which it is asked for."""
        ...

    @property
    def held_out(self) -> bool:
        """Whether no protector may be trained against it."""
        ...

    def make(self, action: Action, device: torch.device | str = "cpu") -> Attacker:
        """The one that does ``action``."""
        ...


@dataclass(frozen=True)
class ShippedPair:
    """A pair of surrogates whose weights ship; a `Pair`."""

    name: Surrogate

    @property
    def held_out(self) -> bool:
        """See `Pair`."""
        return self.name in HELD_OUT

    def make(self, action: Action, device: torch.device | str = "cpu") -> TrainedAttacker:
        """See `Pair`."""
        return TrainedAttacker.load(surrogate_path(self.name, action), device)


def _fault(thing: object) -> str | None:
    if isinstance(thing, type) and not issubclass(thing, Attacker):
        return "it is no subclass of mitsgan.attack.Attacker"
    missing = [key for key in ("name", "held_out", "make") if not hasattr(thing, key)]
    if missing:
        return f"it has no {' and no '.join(missing)}"
    if not isinstance(thing, type) or thing.make.__func__ is not Attacker.make.__func__:  # type: ignore[attr-defined]
        return None  # it knows by itself how one is made
    return unmakeable(thing, "action")


ATTACKERS: Registry[Pair] = Registry(
    "attacker", ATTACKERS_GROUP, dict.fromkeys(SURROGATES, __name__), _fault
)
"""All pairs by name."""

register_attacker = ATTACKERS.register

for _name in SURROGATES:
    ATTACKERS.register(ShippedPair(_name))
