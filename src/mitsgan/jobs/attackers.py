"""The attackers that a command measures with, and their cards."""

from __future__ import annotations

from pathlib import Path

from mitsgan.attack import Action, Attacker, Surrogate, surrogate_path
from mitsgan.errors import SettingsError
from mitsgan.networks import Card, load_weights


def load_attackers(
    injector: Path | None, remover: Path | None, surrogate: Surrogate = "textured"
) -> tuple[list[Attacker], dict[Action, Card]]:
    """An injector and a remover, by default those of a pair that ships, and their cards.

    Raises:
        WeightsError: see `mitsgan.networks.load_weights`.
        SettingsError: weights of the other action.
    """
    attackers: list[Attacker] = []
    cards: dict[Action, Card] = {}
    wanted: tuple[tuple[Action, str, Path], ...] = (
        ("inject", "injector", injector or surrogate_path(surrogate, "inject")),
        ("remove", "remover", remover or surrogate_path(surrogate, "remove")),
    )
    for action, setting, path in wanted:
        attacker = Attacker.load(path)
        if attacker.action != action:
            raise SettingsError(
                f"`{setting}` {path}: these weights {attacker.action}, `{setting}` must {action}"
            )
        attackers.append(attacker)
        cards[action] = attacker.card
    return attackers, cards


def attacker_card(path: Path) -> Card:
    """The card of an attacker's weights."""
    return load_weights(path, "attacker")[1]
