"""A scan under attack: plans at drawn positions, and how far an attack's result is disrupted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from mitsgan.attack import Attacker, Cut, Plan, cut_plans, plan_attack, tamper_cut
from mitsgan.errors import PositionError
from mitsgan.optimize.places import Places

BATCH = 8
"""Attacks at a time."""

_TRIES = 50
_KEPT = 1024


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
        self._kept: dict[tuple[Attacker, Plan], Tensor] = {}

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

    def cut(self, plans: Sequence[Plan]) -> Cut:
        """What the attacks take from the original."""
        return cut_plans(self.hu, plans)

    def rmse(self, after: Cut, attacker: Attacker) -> Tensor:
        """Disruption of the core in HU, ``[b]``: attacks on ``after`` against the original's.

        Differentiable in ``after``.
        """
        result = tamper_cut(after, attacker)[_core(after)]
        change = result - self._references(after.plans, attacker)
        return (change.square().mean((1, 2, 3)) + 1e-12).sqrt()

    def disruption(
        self, perturbation: Tensor, plans: Sequence[Plan], attacker: Attacker
    ) -> list[float]:
        """Disruption of the core in HU at each plan, of attacks on the perturbed scan."""
        protected = self.hu + perturbation
        values: list[float] = []
        with torch.no_grad():
            for first in range(0, len(plans), BATCH):
                after = cut_plans(protected, plans[first : first + BATCH])
                values += self.rmse(after, attacker).tolist()
        return values

    def _references(self, plans: Sequence[Plan], attacker: Attacker) -> Tensor:
        missing = [plan for plan in plans if (attacker, plan) not in self._kept]
        found: dict[Plan, Tensor] = {}
        if missing:
            cut = self.cut(missing)
            with torch.no_grad():
                found = dict(zip(missing, tamper_cut(cut, attacker)[_core(cut)], strict=True))
        references = [
            found[plan] if plan in found else self._kept[attacker, plan] for plan in plans
        ]
        for plan, reference in found.items():
            if len(self._kept) < _KEPT:
                self._kept[attacker, plan] = reference
        return torch.stack(references)


def _core(cut: Cut) -> tuple[slice, ...]:
    return (slice(None), *cut.plans[0].core_in_block)
