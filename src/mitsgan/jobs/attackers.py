"""The attackers that a command measures with, and their cards."""

from __future__ import annotations

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
