"""The attackers that a command measures with, and their cards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mitsgan.attack import ATTACKERS, Action, Attacker, TrainedAttacker
from mitsgan.errors import SettingsError
from mitsgan.jobs.shared import OwnAttackers
from mitsgan.networks import Card, load_weights


def load_attackers(own: OwnAttackers, pair: str = "textured") -> list[Attacker]:
    """An injector and a remover, by default those of a pair.

    Raises:
        SettingsError: there is no such pair, or weights of the other action.
        WeightsError: see `mitsgan.networks.load_weights`.
    """
    wanted: tuple[tuple[Action, str, Path | None], ...] = (
        ("inject", "injector", own.injector),
        ("remove", "remover", own.remover),
    )
    attackers: list[Attacker] = []
    for action, name, path in wanted:
        attacker = ATTACKERS.get(pair).make(action) if path is None else TrainedAttacker.load(path)
        if attacker.action != action:
            raise SettingsError(
                f"`{name}` {path}: these weights {attacker.action}, `{name}` must {action}"
            )
        attackers.append(attacker)
    return attackers


def attacker_card(path: Path) -> Card:
    """The card of an attacker's weights."""
    return load_weights(path, "attacker")[1]


def card_lines(value: object, name: str = "") -> Iterator[str]:
    """A card line by line: ``{"config": {"width": 2}}`` gives ``config.width: 2``.

    Args:
        value: the card, or a part of it.
        name: of that part.
    """
    if isinstance(value, dict):
        parts = sorted(value.items())
    elif isinstance(value, list):
        parts = [(str(number), item) for number, item in enumerate(value, 1)]
    else:
        yield f"{name}: {value}"
        return
    for key, part in parts:
        yield from card_lines(part, f"{name}.{key}" if name else key)
