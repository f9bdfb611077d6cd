"""The ascent keeps its budget, repeats, and disrupts where it was not looking."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from statistics import median

import numpy as np
import pytest
import torch
from torch import Tensor

from mitsgan.anatomy.places import LungPlaces
from mitsgan.attack import Attacker
from mitsgan.errors import PositionError
from mitsgan.optimize import Around, Ascent, Ground, Target, optimize
from mitsgan.scan.scan import Scan

CENTRE = (14, 32, 32)


@pytest.fixture
def ground(scan: Scan) -> Ground:
    return Ground(torch.from_numpy(scan.hu()), scan.spacing)


def random_sign(like: Tensor, hu: float) -> Tensor:
    random = torch.Generator().manual_seed(5)
    return (torch.randint(0, 2, like.shape, generator=random) * 2 - 1) * hu


def gain(ground: Ground, target: Target, perturbation: Tensor) -> float:
    """Median disruption at draws that no ascent saw, over a random sign's of the budget."""
    plans = ground.plans(target, 24, np.random.default_rng(99))
    reached, noise = (
        median(ground.disruption(p, plans, target.attacker))
        for p in (perturbation, random_sign(perturbation, 10.0))
    )
    return reached / noise


@pytest.mark.parametrize("radius, least", [(0.0, 4.0), (4.0, 1.5)])
def test_it_disrupts_more_than_noise_at_positions_it_did_not_see(
    ground: Ground, injector: Attacker, radius: float, least: float
) -> None:
    target = Target(injector, Around([CENTRE], ground.spacing, radius))
    found = optimize(ground, [target], 10.0, Ascent(steps=30))
    assert gain(ground, target, found) > least


def test_it_keeps_the_budget_of_every_voxel_in_whole_hu(ground: Ground, injector: Attacker) -> None:
    limit = torch.linspace(0, 9.7, 64).expand(ground.hu.shape).clone()
    target = Target(injector, Around([CENTRE], ground.spacing, 2.0))
    found = optimize(ground, [target], limit, Ascent(steps=6))
    assert (found.abs() <= limit).all()
    assert float(found.abs().max()) >= 5
    torch.testing.assert_close(found, found.round(), rtol=0, atol=0)


def test_nothing_changes_where_no_attack_looks(ground: Ground, injector: Attacker) -> None:
    target = Target(injector, Around([CENTRE], ground.spacing))
    found = optimize(ground, [target], 10.0, Ascent(steps=3))
    around = np.asarray(found != 0).nonzero()
    for axis, spacing in enumerate(ground.spacing):
        reach = np.abs(around[axis] - CENTRE[axis]).max() * spacing
        assert reach <= 1.3 * 32 / 2 + spacing


def test_what_it_starts_from_stays_where_no_attack_looks(
    ground: Ground, injector: Attacker
) -> None:
    start = torch.full_like(ground.hu, 3.0)
    target = Target(injector, Around([CENTRE], ground.spacing))
    found = optimize(ground, [target], 10.0, Ascent(steps=3), start=start)
    assert (found[:4] == 3).all()
    assert (found[14] != 3).any()
    assert (start == 3).all(), "the start itself is not touched"


def test_steps_and_seed_repeat(ground: Ground, injector: Attacker, remover: Attacker) -> None:
    places = Around([CENTRE], ground.spacing, 3.0)
    targets = [Target(injector, places), Target(remover, places)]
    first, again, other = (
        optimize(ground, targets, 10.0, Ascent(steps=4, seed=seed)) for seed in (1, 1, 2)
    )
    assert (first == again).all()
    assert (first != other).any()


def test_both_attackers_are_disrupted(
    ground: Ground, injector: Attacker, remover: Attacker
) -> None:
    places = Around([CENTRE], ground.spacing)
    targets = [Target(injector, places), Target(remover, places)]
    found = optimize(ground, targets, 10.0, Ascent(steps=40))
    for target in targets:
        assert gain(ground, target, found) > 2


def test_the_best_restart_counts(ground: Ground, injector: Attacker) -> None:
    target = Target(injector, Around([CENTRE], ground.spacing, 2.0))
    ascent = Ascent(steps=12, restarts=3)
    best = optimize(ground, [target], 10.0, ascent)
    alone = optimize(ground, [target], 10.0, replace(ascent, steps=4, restarts=1))
    plans = ground.plans(target, ascent.held_out, np.random.default_rng((0, 3, 0)))
    reached = [median(ground.disruption(p, plans, injector)) for p in (best, alone)]
    assert reached[0] >= reached[1] > 0


def test_time_is_a_limit_and_progress_is_told(
    ground: Ground, injector: Attacker, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[int, int]] = []
    target = Target(injector, Around([CENTRE], ground.spacing))

    def run(ascent: Ascent) -> list[tuple[int, int]]:
        told.clear()
        found = optimize(ground, [target], 10.0, ascent, progress=lambda *at: told.append(at))
        assert found.any()
        return told

    assert run(Ascent(steps=2)) == [(0, 2), (1, 2), (2, 2)]
    clock = count(100.0, 2.0)  # a look at it takes two seconds
    monkeypatch.setattr("mitsgan.optimize.ascent.time.monotonic", lambda: next(clock))
    assert run(Ascent(seconds=5.0)) == [(2, 5), (4, 5), (5, 5)]


def test_positions_in_the_lung(ground: Ground, scan: Scan, injector: Attacker) -> None:
    target = Target(injector, LungPlaces.of(scan))
    found = optimize(ground, [target], 10.0, Ascent(steps=2))
    assert 0 < float(found.abs().max()) <= 10


def test_it_says_where_nothing_can_be_attacked(ground: Ground, injector: Attacker) -> None:
    with pytest.raises(PositionError, match="nothing to optimise against"):
        optimize(ground, [], 10.0, Ascent(steps=1))
    outside = Target(injector, Around([(0, 0, 0)], ground.spacing))
    with pytest.raises(PositionError, match=r"hardly any .* leaves the scan"):
        optimize(ground, [outside], 10.0, Ascent(steps=1))


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"steps": 1, "seconds": 1.0},
        {"steps": 0},
        {"seconds": -1.0},
        {"steps": 1, "restarts": 0},
        {"steps": 1, "momentum": 1.0},
    ],
)
def test_settings_that_make_no_sense(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"give either|1 or more"):
        Ascent(**wrong)  # type: ignore[arg-type]
