"""The engine of disruption: batches change nothing, and gradients flow through it."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from mitsgan.attack import (
    BATCH,
    Attacker,
    Outcome,
    Plan,
    References,
    Strikes,
    TrainedAttacker,
    cut_plans,
    plan_attack,
    surrogate_path,
    tamper_cut,
)
from mitsgan.attack.strikes import rms

SPACING = (4.0, 2.0, 2.0)


@pytest.fixture(scope="module")
def injector() -> Attacker:
    return TrainedAttacker.load(surrogate_path("textured", "inject"))


@pytest.fixture(scope="module")
def volume() -> Tensor:
    rng = np.random.default_rng(0)
    return torch.from_numpy(rng.normal(-850, 30, (28, 64, 64)).astype(np.float32)).clamp(-1024)


@pytest.fixture(scope="module")
def changed(volume: Tensor) -> Tensor:
    sign = torch.randint(0, 2, volume.shape, generator=torch.Generator().manual_seed(1)) * 2 - 1
    return volume + 8 * sign


def plans_of(volume: Tensor, count: int) -> list[Plan]:
    rng = np.random.default_rng(2)
    places = rng.integers((10, 22, 22), (18, 42, 42), (count, 3)).tolist()
    # Air all around would count as outside the body.
    body = volume.numpy().copy()
    body[:, :4] = body[:, -4:] = body[:, :, :4] = body[:, :, -4:] = 40
    return [plan_attack(body, SPACING, place, "inject") for place in places]


def test_it_is_the_pipeline_position_by_position(
    volume: Tensor, changed: Tensor, injector: Attacker
) -> None:
    plans = plans_of(volume, BATCH + 3)
    strikes = Strikes.at(volume, plans, injector)
    assert [len(part) for part in strikes.parts] == [BATCH, 3]
    with torch.no_grad():
        cores, rmse = strikes.of(changed), strikes.rmse(changed)
        for number, plan in enumerate(plans):
            before, after = (cut_plans(v, [plan]) for v in (volume, changed))
            painted = after.cores(tamper_cut(after, injector))[0]
            reference = before.cores(tamper_cut(before, injector))[0]
            torch.testing.assert_close(cores[number], painted, rtol=0, atol=0.02)
            torch.testing.assert_close(strikes.reference[number], reference, rtol=0, atol=0.02)
            by_hand = (painted - reference).square().mean().sqrt()
            torch.testing.assert_close(rmse[number], by_hand, rtol=0, atol=0.02)
    assert rmse.min() > 1, "the noise disrupts every attack"


def test_a_volume_and_a_cut_of_it_are_the_same(
    volume: Tensor, changed: Tensor, injector: Attacker
) -> None:
    plans = plans_of(volume, 5)
    strikes = Strikes.at(volume, plans, injector)
    with torch.no_grad():
        assert strikes.rmse(changed).equal(strikes.rmse(cut_plans(changed, plans)))
    assert strikes.moved(changed).tolist() == pytest.approx([8.0] * 5)
    assert strikes.moved(changed, core=True).tolist() == pytest.approx([8.0] * 5)


def test_nothing_changed_nothing_disrupted(volume: Tensor, injector: Attacker) -> None:
    strikes = Strikes.at(volume, plans_of(volume, 3), injector)
    with torch.no_grad():
        assert strikes.rmse(volume).max() < 1e-3
        (outcome,) = strikes.outcomes()
    assert outcome.cores.equal(outcome.reference)
    assert outcome.original_cores.equal(strikes.original.cores(strikes.original.before))


@pytest.mark.parametrize("count", [2, BATCH + 2])
def test_what_is_done_with_is_freed_at_once(
    volume: Tensor, changed: Tensor, injector: Attacker, count: int
) -> None:
    strikes = Strikes.at(volume, plans_of(volume, count), injector)
    blocks = [weakref.ref(part.original.before) for part in (strikes, *strikes.parts)]
    gc.disable()
    try:
        with torch.no_grad():
            strikes.rmse(changed)
        del strikes
        assert [block() for block in blocks] == [None] * len(blocks)
    finally:
        gc.enable()


def test_the_gradient_points_to_more_disruption(
    volume: Tensor, changed: Tensor, injector: Attacker
) -> None:
    strikes = Strikes.at(volume, plans_of(volume, 2), injector)
    leaf = changed.clone().requires_grad_(True)
    value = strikes.rmse(leaf).sum()
    (gradient,) = torch.autograd.grad(value, leaf)
    assert gradient.abs().sum() > 0
    step = 0.2 * gradient / gradient.abs().max()
    with torch.no_grad():
        assert strikes.rmse(changed + step).sum() > value


def test_another_objective_goes_through_the_same_engine(
    volume: Tensor, changed: Tensor, injector: Attacker
) -> None:
    seen: list[int] = []

    def painted(outcome: Outcome) -> Tensor:
        """What is brighter than it was, on average."""
        seen.append(len(outcome.changed.plans))
        return (outcome.cores - outcome.original_cores).relu().mean((1, 2, 3))

    strikes = Strikes.at(volume, plans_of(volume, BATCH + 1), injector)
    with torch.no_grad():
        values = strikes.values(changed, painted)
    assert seen == [BATCH, 1]
    assert (values > 0).all()
    assert "reference" not in strikes.__dict__, "what no objective asks for is not computed"


def test_references_remember_positions_that_come_again(
    volume: Tensor, changed: Tensor, injector: Attacker
) -> None:
    attacked: list[int] = []

    def counting(cut, attacker, shift=(0.0, 0.0, 0.0)):  # type: ignore[no-untyped-def]
        attacked.append(len(cut.plans))
        return tamper_cut(cut, attacker, shift)

    plans = plans_of(volume, 4)
    references = References(most=3)
    cuts = [cut_plans(volume, plans[:2]), cut_plans(volume, plans)]
    first, again = (Strikes(cuts[0], injector, counting, references).reference for _ in range(2))
    assert attacked == [2, 2], "nothing is remembered yet"
    assert again.equal(first)
    references.settle()
    second = Strikes(cuts[1], injector, counting, references).reference
    assert attacked == [2, 2, 2]
    assert second[:2].equal(first)
    references.settle()
    Strikes(cuts[1], injector, counting, references).reference  # noqa: B018 - one is not kept
    assert attacked == [2, 2, 2, 1]


def test_plans_may_say_another_action_than_the_version_was_cut_for(
    volume: Tensor, changed: Tensor, injector: Attacker
) -> None:
    plans = plans_of(volume, 2)
    strikes = Strikes.at(volume, plans, injector)
    other = cut_plans(changed, [replace(plan, action="remove") for plan in plans])
    with torch.no_grad():
        assert strikes.rmse(other).equal(strikes.rmse(changed))


def test_rms_of_nothing_has_a_gradient() -> None:
    zero = torch.zeros(1, 2, 2, 2, requires_grad=True)
    (gradient,) = torch.autograd.grad(rms(zero).sum(), zero)
    assert gradient.isfinite().all()
