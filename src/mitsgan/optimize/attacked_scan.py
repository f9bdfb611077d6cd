"""A scan under attack: plans at drawn positions, and how far an attack's result is disrupted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from mitsgan.attack import Attacker, Plan, References, Strikes, cut_plans, plan_attack
from mitsgan.attack.objectives import distance
from mitsgan.attack.strikes import Objective
from mitsgan.errors import PositionError
from mitsgan.optimize.places import PositionDistribution

_TRIES = 50


@dataclass(frozen=True, eq=False)
class Threat:
    """An attacker, where it may strike, and how its failure is measured.

    Attributes:
        attacker: who strikes.
        places: where.
        objective: what a perturbation against it makes large, see `mitsgan.attack.objectives`.
    """

    attacker: Attacker
    places: PositionDistribution
    objective: Objective = distance


class AttackedScan:
    """The original scan: ``hu`` ``[z, y, x]`` on any device, ``spacing`` in mm ``[z, y, x]``.

    Results of attacks on it are remembered, for positions that come again.

    Attributes:
        references: that memory.
    """

    def __init__(self, hu: Tensor, spacing: tuple[float, float, float]) -> None:
        self.hu = hu
        self.spacing = spacing
        self.references = References()
        self._array = hu.cpu().numpy()

    def plans(self, threat: Threat, count: int, rng: np.random.Generator) -> list[Plan]:
        """Attacks at ``count`` positions drawn from the threat's places.

        Raises:
            PositionError: hardly any position can be attacked.
        """
        plans: list[Plan] = []
        problem: PositionError | None = None
        for position in islice(threat.places.draw(rng), _TRIES * count):
            try:
                plan = plan_attack(self._array, self.spacing, position, threat.attacker.action)
            except PositionError as error:
                problem = error
                continue
            plans.append(plan)
            if len(plans) == count:
                return plans
        raise PositionError(f"hardly any of the drawn positions can be attacked: {problem}")

    def strikes(self, plans: Sequence[Plan], attacker: Attacker) -> Strikes:
        """Attacks on the original."""
        return Strikes(cut_plans(self.hu, plans), attacker, references=self.references)

    def disruption(
        self, perturbation: Tensor, plans: Sequence[Plan], attacker: Attacker
    ) -> list[float]:
        """Disruption of the core in HU at each plan, of attacks on the perturbed scan."""
        with torch.no_grad():
            rmse = self.strikes(plans, attacker).rmse(self.hu + perturbation)
        self.references.settle()
        return [float(value) for value in rmse]
