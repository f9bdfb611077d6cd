"""Objectives: each is largest where the attack fails in the way it asks for."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from mitsgan.attack import Attacker, Cut, Outcome, Plan, Strikes
from mitsgan.attack.objectives import (
    OBJECTIVES,
    excess_hu,
    less_excess,
    more_remainder,
    unchanged,
    unconvincing,
)
from mitsgan.attack.plan import Action
from mitsgan.attack.strikes import Objective

SHAPE = (16, 20, 20)
PLAN = Plan("inject", (20, 20, 20), (12, 16, 16), SHAPE, None)


class Leaves(Attacker):
    """Paints nothing."""

    def __init__(self, action: Action) -> None:
        self.action, self.name = action, "leaves"

    def paint(self, cubes: Tensor) -> Tensor:
        return cubes


def outcome(painted: Tensor, action: Action = "inject") -> Outcome:
    """Of an attack on even lung that would paint 0 HU, and paints this instead."""
    lung = torch.full((1, *SHAPE), -850.0)
    plan = replace(PLAN, action=action)
    cut = Cut(lung, torch.zeros_like(lung), (plan,), (40, 40, 40))
    strikes = Strikes(
        cut, Leaves(action), lambda cut, attacker, shift=None: torch.zeros_like(cut.before)
    )
    return Outcome(strikes, cut, painted)


def block(hu: float) -> Tensor:
    return torch.full((1, *SHAPE), hu, requires_grad=True)


@pytest.mark.parametrize(
    "objective, better, worse",
    [
        (OBJECTIVES["distance"], 300.0, 20.0),
        (OBJECTIVES["distance"], -300.0, -20.0),
        (less_excess, -900.0, -700.0),
        (less_excess, -800.0, 0.0),
        (unchanged, -840.0, -700.0),
        (unchanged, -900.0, -1000.0),
        (more_remainder, 200.0, 20.0),
        (more_remainder, 20.0, -20.0),
    ],
)
def test_the_better_outcome_is_worth_more(
    objective: Objective, better: float, worse: float
) -> None:
    more, less = (objective(outcome(block(hu))) for hu in (better, worse))
    assert more.shape == (1,)
    assert more > less


def test_the_excess_is_what_is_brighter_than_the_scan() -> None:
    painted = torch.full((1, *SHAPE), -850.0)
    half = torch.zeros(SHAPE, dtype=torch.bool)
    half[:, :, : SHAPE[2] // 2] = True
    painted[:, half] = -750.0
    painted[:, ~half] = -950.0
    assert excess_hu(outcome(painted)).tolist() == pytest.approx([50.0])


@pytest.mark.parametrize("name", OBJECTIVES)
def test_gradients_are_finite(name: str) -> None:
    for hu in (-850.0, 0.0, 100.0):
        painted = block(hu)
        value = OBJECTIVES[name](outcome(painted)).sum()
        (gradient,) = torch.autograd.grad(value, painted)
        assert gradient.isfinite().all()


@pytest.mark.parametrize("action, sign", [("inject", -1.0), ("remove", 1.0)])
def test_judges_are_not_to_believe_it(action: Action, sign: float) -> None:
    judges = [lambda cubes: cubes.mean((1, 2, 3)), lambda cubes: 3 * cubes.mean((1, 2, 3))]
    value = unconvincing(judges)(outcome(block(100.0), action))
    assert value.tolist() == pytest.approx([sign * 200.0], rel=1e-4)
