"""What a benchmark measures; every field is a key of its TOML file: docs/benchmark-config.md."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Literal

from mitsgan.attack import ACTIONS, ATTACKERS, Action
from mitsgan.errors import BudgetError, ConfigurationError, MitsganError
from mitsgan.evaluate.attacks.variants import VARIANTS
from mitsgan.evaluate.purify.purifiers import PURIFIERS
from mitsgan.perturb import Budget
from mitsgan.settings import LARGEST_SEED

NONE = "none"
"""Written where no purifier is applied."""

PLAIN = "plain"
"""The attacker as it is, see `mitsgan.evaluate.attacks.variants`."""


PGD_KNOWN = "pgd-known"
"""A perturbation for each position and attacker by itself: what no defender can know."""

KNOWN_PLACES = "known-places"
"""A perturbation of the whole scan, optimised against removals around the places that are attacked:
what a defender can do who has a list of nodules."""


class BenchmarkError(MitsganError):
    """A benchmark's configuration makes no sense, or its run folder belongs to another one."""


class BenchmarkFileError(BenchmarkError, ConfigurationError):
    """The file of a configuration makes no sense; what it sets there is no option for."""


@dataclass(frozen=True)
class PhantomEntry:
    """A synthetic chest, see `mitsgan.phantom.chest.chest`."""

    shape: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    seed: int = 0

    def __post_init__(self) -> None:
        for size, step in zip(self.shape, self.spacing_mm, strict=True):
            _at_least("phantom.shape", size, 1)
            if not 0 < step < math.inf:
                raise BenchmarkError(f"phantom.spacing_mm must be above 0, found {step}")
        _at_least("phantom.seed", self.seed, 0)


@dataclass(frozen=True)
class BenchmarkScan:
    """A scan, and where it is attacked.

    Attributes:
        name: in results.
        path: a DICOM folder or an image; or
        phantom: a synthetic chest in place of one.
        role: whether a training saw this scan.
        nodules: LPS mm; attacks go to these places instead of random ones in the lung.
        planted: so many synthetic nodules are planted at random lung positions before anything
            else, and attacks go there.
    """

    name: str
    role: Literal["unseen", "training"]
    path: Path | None = None
    phantom: PhantomEntry | None = None
    nodules: tuple[tuple[float, float, float], ...] = ()
    planted: int = 0

    def __post_init__(self) -> None:
        if (self.path is None) == (self.phantom is None):
            raise BenchmarkError(f"scans.{self.name}: give either path or phantom")
        if self.nodules and self.planted:
            raise BenchmarkError(f"scans.{self.name}: give either nodules or planted")
        _at_least(f"scans.{self.name}.planted", self.planted, 0)


@dataclass(frozen=True)
class ProtectorEntry:
    """A protector in one form.

    Attributes:
        name: in results.
        kind: see `mitsgan.evaluate.benchmark.protectors`.
        form: clipped to the budget, or native, as its network gives it.
        weights: a file of its own.
        trained_on: names of attackers; by default those of its weights' card.
        steps: gradient steps of the kinds that optimise.
        attacker: the one that a whole scan is optimised against; or
        against: several, in turn.
        strength_hu: of the controls ``noise`` and ``offset``; by default the budget.
    """

    name: str
    kind: str
    form: Literal["clipped", "native"] = "clipped"
    weights: Path | None = None
    trained_on: tuple[str, ...] = ()
    steps: int = 40
    attacker: str = "textured"
    against: tuple[str, ...] = ()
    strength_hu: float | None = None

    def __post_init__(self) -> None:
        _at_least(f"protectors.{self.name}.steps", self.steps, 1)

    @property
    def opponents(self) -> tuple[str, ...]:
        """Pairs that it is optimised against, if its kind is."""
        return self.against or (self.attacker,)

    @property
    def is_known_position(self) -> bool:
        """Whether it knows where the attack comes, so that there is no protected scan."""
        return self.kind == PGD_KNOWN


@dataclass(frozen=True)
class BenchmarkAttacker:
    """A pair of attackers of one's own; those that ship need no entry."""

    name: str
    injector: Path | None = None
    remover: Path | None = None
    held_out: bool = False


@dataclass(frozen=True)
class BudgetEntry:
    """A budget: a cap in HU, and on request a fraction of the scan's local noise."""

    max_hu: float
    noise_fraction: float | None = None

    def __post_init__(self) -> None:
        try:
            Budget(self.max_hu, self.noise_fraction)
        except BudgetError as error:
            raise BenchmarkError(str(error)) from error

    @property
    def name(self) -> str:
        """In results, such as ``10 HU``."""
        if self.noise_fraction is None:
            return f"{self.max_hu:g} HU"
        return f"{self.noise_fraction:g} sigma, at most {self.max_hu:g} HU"


@dataclass(frozen=True)
class Sweep:
    """Everything times everything.

    Attributes:
        name: for error messages and progress.
        positions: per scan, the first so many of its positions.
        controls: whether noise and a constant offset of the protector's RMSE in the attacked
            cubes are measured beside it.
        slices: whether whole slices and squares are compared too, for the paper's tables.
    """

    name: str
    scans: tuple[str, ...]
    protectors: tuple[str, ...]
    attackers: tuple[str, ...]
    budgets: tuple[BudgetEntry, ...]
    positions: int
    actions: tuple[Action, ...] = ACTIONS
    variants: tuple[str, ...] = (PLAIN,)
    purifiers: tuple[str, ...] = (NONE,)
    controls: bool = True
    slices: bool = False

    def __post_init__(self) -> None:
        where = f"sweeps.{self.name}"
        every = ("scans", "protectors", "attackers", "actions", "budgets", "variants", "purifiers")
        for key in every:
            _not_empty(f"{where}.{key}", getattr(self, key))
        _known(f"{where}.purifiers", self.purifiers, [NONE, *PURIFIERS])
        _known(f"{where}.variants", self.variants, list(VARIANTS))
        _at_least(f"{where}.positions", self.positions, 1)


@dataclass(frozen=True)
class Uncertainty:
    """The curve over how well the position of an attack is known."""

    scan: str
    attackers: tuple[str, ...]
    protectors: tuple[str, ...] = ()
    actions: tuple[Action, ...] = ACTIONS
    uncertainties_mm: tuple[float, ...] = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0)
    centres: int = 4
    steps: int = 60
    draws: int = 8
    max_hu: float = 10.0

    def __post_init__(self) -> None:
        for key in ("attackers", "actions", "uncertainties_mm"):
            _not_empty(f"uncertainty.{key}", getattr(self, key))
        for key in ("centres", "steps", "draws"):
            _at_least(f"uncertainty.{key}", getattr(self, key), 1)
        for radius in self.uncertainties_mm:
            _at_least("uncertainty.uncertainties_mm", radius, 0)
        BudgetEntry(self.max_hu)


@dataclass(frozen=True)
class GalleryEntry:
    """Which attack is shown as pictures."""

    scan: str
    protectors: tuple[str, ...]
    attacker: str = "textured"
    actions: tuple[Action, ...] = ACTIONS
    budget: BudgetEntry = BudgetEntry(10.0)
    position: int = 0

    def __post_init__(self) -> None:
        _at_least("gallery.position", self.position, 0)


@dataclass(frozen=True)
class BenchmarkConfig:
    """A whole benchmark.

    Attributes:
        title: of the report.
        scans, protectors, attackers, sweeps: what is measured.
        data: the folder that scans' relative paths start from; by default the configuration's.
        seed: of positions, controls, protectors and the bootstrap.
        resamples: of the bootstrap.
    """

    title: str
    scans: tuple[BenchmarkScan, ...]
    protectors: tuple[ProtectorEntry, ...]
    sweeps: tuple[Sweep, ...]
    attackers: tuple[BenchmarkAttacker, ...] = ()
    uncertainty: tuple[Uncertainty, ...] = ()
    gallery: GalleryEntry | None = None
    data: Path | None = None
    seed: int = 0
    resamples: int = 2000

    def __post_init__(self) -> None:
        _at_least("seed", self.seed, 0)
        if self.seed > LARGEST_SEED:
            raise BenchmarkError(f"seed must be {LARGEST_SEED} at most, found {self.seed}")
        _at_least("resamples", self.resamples, 1)
        for key in ("scans", "protectors", "sweeps"):
            _not_empty(key, getattr(self, key))
        scans = _names("scans", [s.name for s in self.scans])
        protectors = _names("protectors", [p.name for p in self.protectors])
        attackers = [*ATTACKERS.names(), *_names("attackers", [a.name for a in self.attackers])]
        _names("sweeps", [s.name for s in self.sweeps])
        for entry in self.protectors:
            _known(f"protectors.{entry.name}.attacker", [entry.attacker], attackers)
            _known(f"protectors.{entry.name}.against", entry.against, attackers)
        for sweep in self.sweeps:
            where = f"sweeps.{sweep.name}"
            _known(f"{where}.scans", sweep.scans, scans)
            _known(f"{where}.protectors", sweep.protectors, protectors)
            _known(f"{where}.attackers", sweep.attackers, attackers)
            self._check_budgets(sweep)
        _names("budgets", [b.name for b in {b for sweep in self.sweeps for b in sweep.budgets}])
        for number, curve in enumerate(self.uncertainty):
            where = f"uncertainty[{number}]"
            _known(f"{where}.scan", [curve.scan], scans)
            _known(f"{where}.attackers", curve.attackers, attackers)
            _known(f"{where}.protectors", curve.protectors, protectors)
        self._check_curves()
        if self.gallery is not None:
            _known("gallery.scan", [self.gallery.scan], scans)
            _known("gallery.attacker", [self.gallery.attacker], attackers)
            _known("gallery.protectors", self.gallery.protectors, protectors)

    def _check_budgets(self, sweep: Sweep) -> None:
        known = [entry.name for entry in self.protectors if entry.is_known_position]
        both = [name for name in sweep.protectors if name in known]
        if both and any(budget.noise_fraction is not None for budget in sweep.budgets):
            raise BenchmarkError(
                f"sweeps.{sweep.name}.budgets: {both[0]} works without a scan's noise; give it a "
                "sweep of its own, with budgets in HU alone"
            )

    def _check_curves(self) -> None:
        """Every curve is measured once, of what knows no more than how well a place is known."""
        known = {entry.name for entry in self.protectors if entry.is_known_position}
        before: set[object] = set()
        for number, curve in enumerate(self.uncertainty):
            for name in known.intersection(curve.protectors):
                raise BenchmarkError(
                    f"uncertainty[{number}].protectors: {name!r} knows each position by itself; "
                    "leave it out: every curve has PGD that knows as much as the curve says"
                )
            for strike in product([curve.scan], curve.attackers, curve.actions, [curve.max_hu]):
                if strike in before:
                    raise BenchmarkError(
                        f"uncertainty[{number}]: {strike} is measured by an earlier curve already"
                    )
                before.add(strike)


def _names(where: str, names: Sequence[str]) -> Sequence[str]:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise BenchmarkError(f"{where}: the name {twice[0]!r} is given twice")
    return names


def _at_least(where: str, value: float, least: int) -> None:
    if not value >= least:
        raise BenchmarkError(f"{where} must be {least} or more, found {value}")


def _not_empty(where: str, values: Sequence[object]) -> None:
    if not values:
        raise BenchmarkError(f"{where} is empty, so nothing would be measured")


def _known(where: str, wanted: Sequence[str], known: Sequence[str]) -> None:
    for name in wanted:
        if name not in known:
            raise BenchmarkError(f"{where}: there is no {name!r}; there are: {', '.join(known)}")
