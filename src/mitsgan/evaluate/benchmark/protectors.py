"""The protectors of a benchmark: by name, with what they were trained on."""

from __future__ import annotations

from collections.abc import Callable

from mitsgan.anatomy.places import LungPositions
from mitsgan.attack import ACTIONS, Action, Attacker
from mitsgan.evaluate.benchmark.bench import Bench
from mitsgan.evaluate.benchmark.config import (
    KNOWN_PLACES,
    PGD_KNOWN,
    BenchmarkError,
    BudgetEntry,
    ProtectorEntry,
)
from mitsgan.networks import Card
from mitsgan.optimize import Ascent, Threat, optimize_scan
from mitsgan.optimize.removals import removals_around
from mitsgan.perturb import Budget, Perturbation
from mitsgan.protect import PROTECTORS, Offset, Protector, RandomSign
from mitsgan.protect.registry import load_protector
from mitsgan.settings import DEFAULT_PROTECTOR

PGD = "pgd"
"""A perturbation of the whole scan, optimised against one attacker at random positions."""

OPTIMISED = (PGD, KNOWN_PLACES)
"""For each scan anew."""

_OPTIMISING = (*OPTIMISED, PGD_KNOWN)
"""For each scan or each position anew, by gradient steps and without weights."""

_STRENGTHS = ("noise", "offset")
"""Controls, which may be weaker than the budget."""

_PREFIXES = ("injector-", "remover-")


def check_entry(entry: ProtectorEntry) -> None:
    """Raise `BenchmarkError` where there is no such protector, or not such as the entry says."""
    kinds = [*PROTECTORS.names(), *_OPTIMISING]
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
    if entry.strength_hu is not None and entry.kind not in _STRENGTHS:
        raise BenchmarkError(
            f"{where}.strength_hu: {entry.kind} is as strong as the budget says; only "
            f"{' and '.join(_STRENGTHS)} have a strength of their own"
        )
    if entry.weights is not None and entry.kind in _OPTIMISING:
        raise BenchmarkError(
            f"{where}.weights: {entry.kind} is optimised and takes none; leave them out"
        )
    unset = ProtectorEntry(entry.name, entry.kind)
    for key in ("steps", "attacker", "against") if entry.kind not in _OPTIMISING else ():
        if getattr(entry, key) != getattr(unset, key):
            raise BenchmarkError(
                f"{where}.{key}: {entry.kind} is not optimised; only {', '.join(_OPTIMISING)} are"
            )


def is_bounded(kind: str) -> bool:
    """Whether a kind keeps to its budget by construction.

    Of one that does not, the perturbation is the same whatever the budget, until it is clipped.
    """
    return kind in _OPTIMISING or PROTECTORS.get(kind).bounded


def load_layer(entry: ProtectorEntry, seed: int) -> Protector:
    """A protector that is the same for every scan: all but those of `OPTIMISED`.

    Raises:
        WeightsError: see `mitsgan.networks.load_weights`.
    """
    if entry.strength_hu is not None and entry.kind == "noise":
        return RandomSign(entry.strength_hu, seed)
    if entry.strength_hu is not None and entry.kind == "offset":
        return Offset(entry.strength_hu)
    return load_protector(entry.kind, weights=entry.weights, seed=seed)


def optimised_layer(
    entry: ProtectorEntry,
    bench: Bench,
    budget: Budget,
    attacker: Callable[[str, Action], Attacker],
    seed: int,
) -> Perturbation:
    """A protector of `OPTIMISED`, for the scan of one bench.

    `PGD` strikes anywhere in the lung and starts from random numbers; `KNOWN_PLACES` are removals
    around the bench's places, and start from the network that ships, as `mitsgan protect` does.
    """
    start: Protector | None = None
    if entry.kind == KNOWN_PLACES:
        removers = [attacker(name, "remove") for name in entry.opponents]
        threats = removals_around(bench.places, bench.scan.spacing, removers)
        start = load_protector(DEFAULT_PROTECTOR, seed=seed)
    else:
        places = LungPositions.of(bench.scan)
        threats = [Threat(attacker(n, a), places) for n in entry.opponents for a in ACTIONS]
    # Another seed than the benchmark's: its positions must not be the ones that are attacked.
    ascent = Ascent(steps=entry.steps, seed=seed + 1)
    return optimize_scan(bench.scan, threats, budget, ascent, layer=start)


def trained_on(entry: ProtectorEntry, card: Card | None) -> tuple[str, ...]:
    """Names of the pairs of attackers that a protector has seen, from its entry or its card."""
    if entry.trained_on:
        return entry.trained_on
    if entry.kind in _OPTIMISING:
        return entry.opponents
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
