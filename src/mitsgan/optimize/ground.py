"""A scan under attack: plans at drawn positions, and how far an attack's result is disrupted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from mitsgan.attack import Attacker, Plan, References, Strikes, cut_plans, plan_attack
from mitsgan.errors import PositionError
from mitsgan.optimize.places import Places

_TRIES = 50


@dataclass(frozen=True, eq=False)
class Target:
    """An attacker, and where it may strike."""

    attacker: Attacker
    places: Places


class Ground:
    """The original scan: ``hu`` ``[z, y, x]`` on any device, ``spacing`` in mm ``[z, y, x]``.

    Results of attacks on it are kept, for positions that come again.
    """

    def __init__(self, hu: Tensor, spacing: tuple[float, float, float]) -> None:
        self.hu = hu
        self.spacing = spacing
        self._array = hu.cpu().numpy()
        self._references = References()

    def plans(self, target: Target, count: int, rng: np.random.Generator) -> list[Plan]:
        """Attacks at ``count`` positions drawn from the target's places.

        Raises:
            PositionError: hardly any position can be attacked.
        """
        found: list[Plan] = []
        problem: PositionError | None = None
        for position in islice(target.places.draw(rng), _TRIES * count):
            try:
                plan = plan_attack(self._array, self.spacing, position, target.attacker.action)
            except PositionError as error:
                problem = error
                continue
            found.append(plan)
            if len(found) == count:
                return found
        raise PositionError(f"hardly any of the drawn positions can be attacked: {problem}")

    def strikes(self, plans: Sequence[Plan], attacker: Attacker) -> Strikes:
        """Attacks on the original."""
        return Strikes(cut_plans(self.hu, plans), attacker, references=self._references)

    def disruption(
        self, perturbation: Tensor, plans: Sequence[Plan], attacker: Attacker
    ) -> list[float]:
        """Disruption of the core in HU at each plan, of attacks on the perturbed scan."""
        with torch.no_grad():
            rmse = self.strikes(plans, attacker).rmse(self.hu + perturbation)
        return [float(value) for value in rmse]
