"""What held-out attacks come to on a perturbed scan: disruption, and what two judges say of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median

import numpy as np
import torch
from torch import Tensor

from mitsgan.attack import ATTACKERS, Action, Plan, Strikes, hu_volume
from mitsgan.attack.strikes import disruption
from mitsgan.evaluate.attacks.appearance import Judge, Looks, look
from mitsgan.evaluate.attacks.healthy_lung import HealthyLung, healthy_lung
from mitsgan.evaluate.statistics import RateRow
from mitsgan.networks.classifier import NoduleClassifier
from mitsgan.optimize import AttackedScan, PositionDistribution, Threat
from mitsgan.perturb import Budget, Perturbation, apply_perturbations
from mitsgan.scan.scan import Scan

Failed = dict[Judge, RateRow]
"""At how many positions an attack failed, by each judge."""


def strike(
    strikes: Strikes,
    volume: Tensor | None,
    classifier: NoduleClassifier,
    healthy: HealthyLung,
) -> tuple[Tensor, Looks]:
    """Attack ``[z, y, x]`` in HU, or the scan as it was: disruption ``[n]``, and what it left."""
    inject = strikes.attacker.action == "inject"
    disrupted: list[Tensor] = []
    cubes: list[Tensor] = []
    before: list[Tensor] = []
    with torch.no_grad():
        for outcome in strikes.outcomes(volume):
            disrupted.append(disruption(outcome))
            cubes.append(outcome.cubes)
            before.append(outcome.changed.cubes(outcome.changed.before))
    beyond = torch.cat(before) if inject else None
    return torch.cat(disrupted), look(torch.cat(cubes), classifier, healthy, beyond)


@dataclass(frozen=True)
class Met:
    """What one pair makes of a perturbed scan.

    Attributes:
        pair: of attackers.
        n: how many positions, each once.
        disruption_hu, least_hu: of the core: the median, and the least disrupted.
        failed: how many attacks failed, by each judge.
        probability: of a nodule, by the classifier; the median.
        lump_mm3: of the lump in the middle, the median; after an injection, of what was not there
            before.
    """

    pair: str
    n: int
    disruption_hu: float
    least_hu: float
    failed: Failed
    probability: float
    lump_mm3: float


@dataclass(frozen=True)
class Struck:
    """What all pairs make of a perturbed scan.

    Attributes:
        rmse_hu: of the perturbation, over the attacked cubes of the first pair together.
        met: by each pair.
    """

    rmse_hu: float
    met: tuple[Met, ...]


@dataclass(frozen=True, eq=False)
class Bench:
    """One scan, and who judges attacks on it."""

    scan: Scan
    attacked: AttackedScan
    classifier: NoduleClassifier
    healthy: HealthyLung

    @classmethod
    def of(cls, scan: Scan) -> Bench:
        """Of a scan with axial slices, see `mitsgan.scan.canonical`."""
        attacked = AttackedScan(hu_volume(scan), scan.spacing)
        return cls(scan, attacked, NoduleClassifier.load(), healthy_lung(scan))

    def perturbation(self, layer: Perturbation, budget: Budget | float) -> Tensor:
        """What a layer adds within a budget, or so many HU, ``[z, y, x]`` in HU, as stored."""
        within = budget if isinstance(budget, Budget) else Budget(budget)
        protected = apply_perturbations(self.scan, [layer], within).scan
        return hu_volume(protected) - self.attacked.hu

    def at(
        self,
        places: PositionDistribution,
        action: Action,
        seed: Sequence[int],
        testers: Mapping[str, int],
    ) -> Testers:
        """Pairs that strike at the same positions, drawn by ``seed``, each at so many at most.

        Raises:
            PositionError: hardly any of them can be attacked.
        """
        attackers = {pair: ATTACKERS.get(pair).make(action) for pair in testers}
        threat = Threat(next(iter(attackers.values())), places)
        rng = np.random.default_rng(seed)
        plans = list(dict.fromkeys(self.attacked.plans(threat, max(testers.values()), rng)))
        strikes = {
            pair: Strikes.at(self.attacked.hu, plans[:count], attackers[pair])
            for pair, count in testers.items()
        }
        return Testers(self, strikes)


@dataclass(frozen=True, eq=False)
class Testers:
    """The same attacks on whatever is made of a scan, by several pairs."""

    bench: Bench
    strikes: Mapping[str, Strikes]

    @property
    def plans(self) -> tuple[Plan, ...]:
        """All attacks; pairs that strike at fewer positions strike at the first of them."""
        return max((one.original.plans for one in self.strikes.values()), key=len)

    def first(self, perturbation: Tensor) -> Met:
        """What the first pair makes of it."""
        return self._met(next(iter(self.strikes)), perturbation)

    def struck(self, perturbation: Tensor | None) -> Struck:
        """What all pairs make of it; None: of the scan as it was."""
        met = tuple(self._met(pair, perturbation) for pair in self.strikes)
        energy = 0.0 if perturbation is None else self.energy(perturbation)
        return Struck(round(energy, 3), met)

    def disruption_hu(self, perturbation: Tensor) -> dict[str, float]:
        """The median disruption of the core by each pair, HU; nobody judges what is left."""
        volume = self.bench.attacked.hu + perturbation
        with torch.no_grad():
            return {
                pair: round(median(strikes.rmse(volume).tolist()), 2)
                for pair, strikes in self.strikes.items()
            }

    def energy(self, perturbation: Tensor) -> float:
        """Its RMSE over the attacked cubes of the first pair together, HU."""
        strikes = next(iter(self.strikes.values()))
        moved = strikes.moved(self.bench.attacked.hu + perturbation)
        return math.sqrt(fmean(moved.square().tolist()))

    def _met(self, pair: str, perturbation: Tensor | None) -> Met:
        bench, strikes = self.bench, self.strikes[pair]
        volume = None if perturbation is None else bench.attacked.hu + perturbation
        disrupted, looks = strike(strikes, volume, bench.classifier, bench.healthy)
        return Met(
            pair=pair,
            n=len(strikes),
            disruption_hu=round(median(disrupted.tolist()), 2),
            least_hu=round(float(disrupted.min()), 2),
            failed=looks.failure_rates(strikes.attacker.action),
            probability=round(median(looks.probability), 4),
            lump_mm3=round(median(looks.lump_mm3), 1),
        )
