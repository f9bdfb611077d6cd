"""The attackers that a command measures with, and their cards."""

from __future__ import annotations

from pathlib import Path

from mitsgan.attack import ATTACKERS, Action, Attacker, TrainedAttacker
from mitsgan.errors import SettingsError
from mitsgan.networks import Card, load_weights


def load_attackers(
    injector: Path | None, remover: Path | None, pair: str = "textured"
) -> tuple[list[Attacker], dict[Action, Card]]:
    """An injector and a remover, by default those of a pair, and their cards.

    Of one without weights, the card says no more than a digest in place of their checksum.

    Raises:
        SettingsError: there is no such pair.
        WeightsError: see `mitsgan.networks.load_weights`.
        SettingsError: weights of the other action.
    """
    attackers: list[Attacker] = []
    cards: dict[Action, Card] = {}
    wanted: tuple[tuple[Action, str, Path | None], ...] = (
        ("inject", "injector", injector),
        ("remove", "remover", remover),
    )
    for action, setting, path in wanted:
        attacker = ATTACKERS.get(pair).make(action) if path is None else TrainedAttacker.load(path)
        if attacker.action != action:
            raise SettingsError(
                f"`{setting}` {path}: these weights {attacker.action}, `{setting}` must {action}"
            )
        attackers.append(attacker)
        cards[action] = attacker.card or {"sha256": attacker.digest()}
    return attackers, cards


def attacker_card(path: Path) -> Card:
    """The card of an attacker's weights."""
    return load_weights(path, "attacker")[1]
