"""The attackers that a protector is trained against."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mitsgan.errors import DataError
from mitsgan.jobs.attackers import attacker_card


def trained_against(paths: Sequence[Path]) -> list[dict[str, object]]:
    """What a card says of the attackers that a protector is trained against.

    Raises:
        WeightsError: see `mitsgan.networks.load_weights`.
        DataError: one is held out of all training.
    """
    entries: list[dict[str, object]] = []
    for path in paths:
        card = attacker_card(path)
        if card.get("held_out"):
            raise DataError(
                f"`attackers` {path}: this one is held out of all training, to measure with "
                "what a protection does to an attacker that it never met; name another"
            )
        entries.append(
            {"name": card["name"], "action": card["config"]["action"], "sha256": card["sha256"]}
        )
    return entries
