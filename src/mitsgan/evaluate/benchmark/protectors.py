"""The protectors of a benchmark: by name, with what they were trained on."""

from __future__ import annotations

from collections.abc import Sequence

from mitsgan.anatomy.places import LungPositions
from mitsgan.attack import Attacker
from mitsgan.evaluate.benchmark.config import PGD_KNOWN, BenchmarkError, BudgetEntry, ProtectorEntry
from mitsgan.networks import Card
from mitsgan.optimize import Ascent, Threat, optimize_scan
from mitsgan.perturb import Budget, Perturbation
from mitsgan.protect import PROTECTORS, Offset, Protector, RandomSign
from mitsgan.protect.registry import load_protector
from mitsgan.scan.scan import Scan

PGD = "pgd"
"""A perturbation of the whole scan, optimised against one attacker at random positions."""

_PREFIXES = ("injector-", "remover-")


def check_entry(entry: ProtectorEntry) -> None:
    """Raise `BenchmarkError` where there is no such protector, or not in that form."""
    kinds = [*PROTECTORS.names(), PGD, PGD_KNOWN]
    where = f"protectors.{entry.name}"
    if entry.kind not in kinds:
        raise BenchmarkError(
            f"{where}.kind: there is no {entry.kind!r}; there are: {', '.join(kinds)}"
        )
    if entry.form == "native" and is_bounded(entry.kind):
        unbounded = [kind for kind in kinds if not is_bounded(kind)]
        raise BenchmarkError(
            f"{where}.form: {entry.kind} keeps to its budget by construction and has no native "
            f"form; only {' and '.join(unbounded)} have"
        )


def is_bounded(kind: str) -> bool:
    """Whether a kind keeps to its budget by construction.

    Of one that does not, the perturbation is the same whatever the budget, until it is clipped.
    """
    return kind in (PGD, PGD_KNOWN) or PROTECTORS.get(kind).bounded


def load_layer(entry: ProtectorEntry, seed: int) -> Protector:
    """A protector that is the same for every scan: all but `PGD`.

    Raises:
        WeightsError: see `mitsgan.networks.load_weights`.
    """
    if entry.strength_hu is not None and entry.kind == "noise":
        return RandomSign(entry.strength_hu, seed)
    if entry.strength_hu is not None and entry.kind == "offset":
        return Offset(entry.strength_hu)
    return load_protector(entry.kind, weights=entry.weights, seed=seed)


def optimised_layer(
    entry: ProtectorEntry, scan: Scan, budget: Budget, attackers: Sequence[Attacker], seed: int
) -> Perturbation:
    """`PGD` for one scan: a perturbation against a pair of attackers, anywhere in the lung."""
    places = LungPositions.of(scan)
    threats = [Threat(attacker, places) for attacker in attackers]
    # Another seed than the benchmark's: its positions must not be the ones that are attacked.
    return optimize_scan(scan, threats, budget, Ascent(steps=entry.steps, seed=seed + 1))


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
