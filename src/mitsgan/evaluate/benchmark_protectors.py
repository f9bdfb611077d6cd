"""The protectors of a benchmark: by name, with what they were trained on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mitsgan.attack import Attacker
from mitsgan.evaluate.benchmark_config import BenchmarkError, BudgetEntry, ProtectorEntry
from mitsgan.protect import Budget, Layer, Offset, RandomSign
from mitsgan.scan.scan import Scan

if TYPE_CHECKING:
    from mitsgan.weights import Card

PGD_KNOWN = "pgd-known"
"""A perturbation for each position and attacker by itself: what no defender can know."""

PGD = "pgd"
"""A perturbation of the whole scan, optimised against one attacker at random positions."""

_PREFIXES = ("injector-", "remover-")


def is_known_position(entry: ProtectorEntry) -> bool:
    """Whether it knows where the attack comes, so that there is no protected scan."""
    return entry.kind == PGD_KNOWN


def make_layer(
    entry: ProtectorEntry,
    scan: Scan,
    budget: Budget,
    attackers: Sequence[Attacker],
    seed: int,
) -> Layer:
    """The protector of a scan.

    Args:
        entry: what it is.
        scan: before protection; only `PGD` looks at it here.
        budget: that it may use.
        attackers: the pair that `PGD` optimises against.
        seed: of its noise or its start.

    Raises:
        BenchmarkError: there is no such kind.
        WeightsError: see `mitsgan.weights.load_weights`.
    """
    if entry.kind == PGD:
        return _optimised(entry, scan, budget, attackers, seed)
    return load_layer(entry, budget.max_hu, seed)


def load_layer(entry: ProtectorEntry, max_hu: float, seed: int) -> Layer:
    """A protector that is the same for every scan: all but `PGD`.

    Raises:
        BenchmarkError: there is no such kind.
        WeightsError: see `mitsgan.weights.load_weights`.
    """
    from mitsgan.protect.registry import PROTECTORS, load_protector

    strength = max_hu if entry.strength_hu is None else entry.strength_hu
    if entry.kind == "noise":
        return RandomSign(strength, seed)
    if entry.kind == "offset":
        return Offset(strength)
    if entry.kind not in PROTECTORS:
        known = ", ".join(dict.fromkeys([*PROTECTORS, PGD, PGD_KNOWN]))
        raise BenchmarkError(
            f"protectors.{entry.name}.kind: there is no {entry.kind!r}; there are: {known}"
        )
    return load_protector(entry.kind, weights=entry.weights, seed=seed)


def card_of(layer: Layer) -> Card | None:
    """The card of a protector's weights; None where it has none."""
    card: Any = getattr(layer, "card", None)
    return card if isinstance(card, dict) else None


def trained_on(entry: ProtectorEntry, card: Card | None) -> tuple[str, ...]:
    """Names of the pairs of attackers that a protector has seen, from its entry or its card."""
    if entry.trained_on:
        return entry.trained_on
    if entry.kind in (PGD, PGD_KNOWN):
        return (entry.attacker,)
    names: dict[str, None] = {}
    for seen in (card or {}).get("attackers", ()):
        name = str(seen["name"] if isinstance(seen, dict) else seen)
        for prefix in _PREFIXES:
            name = name.removeprefix(prefix)
        names[name] = None
    return tuple(names)


def make_budget(entry: BudgetEntry) -> Budget:
    """The budget that an entry describes."""
    if entry.noise_fraction is None:
        return Budget(entry.max_hu)
    return Budget(entry.max_hu, noise_fraction=entry.noise_fraction)


def _optimised(
    entry: ProtectorEntry, scan: Scan, budget: Budget, attackers: Sequence[Attacker], seed: int
) -> Layer:
    from mitsgan.optimize import Ascent, InLung, Target, optimize_scan

    places = InLung.of(scan)
    targets = [Target(attacker, places) for attacker in attackers]
    # Another seed than the benchmark's: its positions must not be the ones that are attacked.
    return optimize_scan(scan, targets, budget, Ascent(steps=entry.steps, seed=seed + 1))
