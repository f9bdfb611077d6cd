"""The attackers of a benchmark: files that its configuration names, or pairs by name."""

from __future__ import annotations

from mitsgan.attack import ATTACKERS, Action, Attacker, TrainedAttacker
from mitsgan.evaluate.benchmark.config import BenchmarkConfig, BenchmarkError


def load_attacker(config: BenchmarkConfig, name: str, action: Action) -> Attacker:
    """An attacker by the name of its pair: of the configuration, else one that is registered.

    Raises:
        BenchmarkError: there is no such attacker, or its weights are of the other action.
        WeightsError: see `mitsgan.networks.load_weights`.
    """
    for entry in config.attackers:
        path = entry.injector if action == "inject" else entry.remover
        if entry.name == name and path is not None:
            attacker = TrainedAttacker.load(path)
            if attacker.action != action:
                raise BenchmarkError(
                    f"attackers.{name}: {path.name} is there to {action}, its weights "
                    f"{attacker.action}"
                )
            return attacker
    if name not in ATTACKERS.names():
        raise BenchmarkError(
            f"attackers.{name} names no weights that {action}; give both of a pair"
        )
    return ATTACKERS.get(name).make(action)


def is_held_out(config: BenchmarkConfig, name: str) -> bool:
    """Whether no protector may be trained against a pair."""
    for entry in config.attackers:
        if entry.name == name:
            return entry.held_out
    return ATTACKERS.get(name).held_out
