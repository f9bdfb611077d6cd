"""The ascent keeps its budget, repeats, and disrupts where it was not looking."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from mitsgan.anatomy.places import LungPositions
from mitsgan.attack import Attacker
from mitsgan.attack.objectives import excess_hu, less_excess
from mitsgan.attack.strikes import Objective
from mitsgan.errors import DataError, PositionError, SettingsError
from mitsgan.optimize import Around, Ascent, AttackedScan, Threat, optimize
from mitsgan.optimize.gradients import Gradients
from mitsgan.scan.scan import Scan

CENTRE = (14, 32, 32)


@pytest.fixture
def attacked(scan: Scan) -> AttackedScan:
    return AttackedScan(torch.from_numpy(scan.hu()), scan.spacing)


def random_sign(like: Tensor, hu: float) -> Tensor:
    random = torch.Generator().manual_seed(5)
    return (torch.randint(0, 2, like.shape, generator=random) * 2 - 1) * hu


def gain(attacked: AttackedScan, threat: Threat, perturbation: Tensor) -> float:
    """Median disruption at draws that no ascent saw, over a random sign's of the budget."""
    plans = attacked.plans(threat, 24, np.random.default_rng(99))
    reached, noise = (
        median(attacked.disruption(p, plans, threat.attacker))
        for p in (perturbation, random_sign(perturbation, 10.0))
    )
    return reached / noise


@pytest.mark.slow
@pytest.mark.parametrize("radius, least", [(0.0, 4.0), (4.0, 1.5)])
def test_it_disrupts_more_than_noise_at_positions_it_did_not_see(
    attacked: AttackedScan, injector: Attacker, radius: float, least: float
) -> None:
    threat = Threat(injector, Around([CENTRE], attacked.spacing, radius))
    perturbation = optimize(attacked, [threat], 10.0, Ascent(steps=30))
    assert gain(attacked, threat, perturbation) > least


def test_it_keeps_the_budget_of_every_voxel_in_whole_hu(
    attacked: AttackedScan, injector: Attacker
) -> None:
    limit = torch.linspace(0, 9.7, 64).expand(attacked.hu.shape).clone()
    threat = Threat(injector, Around([CENTRE], attacked.spacing, 2.0))
    perturbation = optimize(attacked, [threat], limit, Ascent(steps=6))
    assert (perturbation.abs() <= limit).all()
    assert float(perturbation.abs().max()) >= 5
    torch.testing.assert_close(perturbation, perturbation.round(), rtol=0, atol=0)


def test_nothing_changes_where_no_attack_looks(attacked: AttackedScan, injector: Attacker) -> None:
    threat = Threat(injector, Around([CENTRE], attacked.spacing))
    perturbation = optimize(attacked, [threat], 10.0, Ascent(steps=3))
    around = np.asarray(perturbation != 0).nonzero()
    for axis, spacing in enumerate(attacked.spacing):
        reach = np.abs(around[axis] - CENTRE[axis]).max() * spacing
        assert reach <= 1.3 * 32 / 2 + spacing


def test_what_it_starts_from_stays_where_no_attack_looks(
    attacked: AttackedScan, injector: Attacker
) -> None:
    start = torch.full_like(attacked.hu, 3.0)
    threat = Threat(injector, Around([CENTRE], attacked.spacing))
    perturbation = optimize(attacked, [threat], 10.0, Ascent(steps=3), start=start)
    assert (perturbation[:4] == 3).all()
    assert (perturbation[14] != 3).any()
    assert (start == 3).all(), "the start itself is not touched"


@pytest.mark.slow
def test_steps_and_seed_repeat(
    attacked: AttackedScan, injector: Attacker, remover: Attacker
) -> None:
    places = Around([CENTRE], attacked.spacing, 3.0)
    threats = [Threat(injector, places), Threat(remover, places)]
    first, again, other = (
        optimize(attacked, threats, 10.0, Ascent(steps=4, seed=seed)) for seed in (1, 1, 2)
    )
    assert (first == again).all()
    assert (first != other).any()


@pytest.mark.slow
def test_both_attackers_are_disrupted(
    attacked: AttackedScan, injector: Attacker, remover: Attacker
) -> None:
    places = Around([CENTRE], attacked.spacing)
    threats = [Threat(injector, places), Threat(remover, places)]
    perturbation = optimize(attacked, threats, 10.0, Ascent(steps=40))
    for threat in threats:
        assert gain(attacked, threat, perturbation) > 2


@pytest.mark.slow
@pytest.mark.parametrize("varied", [False, True])
def test_the_result_does_not_depend_on_threads(
    attacked: AttackedScan, injector: Attacker, varied: bool
) -> None:
    threat = Threat(injector, Around([CENTRE], attacked.spacing, 4.0))
    ascent = Ascent(steps=3, positions=20, varied=varied)
    results = []
    for threads in (1, 3):
        torch.set_num_threads(threads)
        try:
            fresh = AttackedScan(attacked.hu, attacked.spacing)
            results.append(optimize(fresh, [threat], 10.0, ascent))
            assert torch.get_num_threads() == threads
        finally:
            torch.set_num_threads(1)
    assert results[0].equal(results[1])


def test_an_ascent_on_a_gpu_gives_back_the_threads_of_the_processor() -> None:
    scan: Any = SimpleNamespace(hu=SimpleNamespace(device=torch.device("cuda")))
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        with Gradients(scan):
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


def test_a_step_moves_what_positions_share_once(attacked: AttackedScan, injector: Attacker) -> None:
    threat = Threat(injector, Around([CENTRE], attacked.spacing, 4.0))
    start = torch.ones_like(attacked.hu)
    ascent = Ascent(steps=1, positions=16, size=0.25)
    moved = optimize(attacked, [threat], 8.0, ascent, start=start)
    assert set(moved.flatten().tolist()) == {-1.0, 1.0, 3.0}


@pytest.mark.slow
def test_directed_objectives_reach_what_they_ask_for(
    attacked: AttackedScan, injector: Attacker
) -> None:
    places = Around([CENTRE], attacked.spacing)
    plans = attacked.plans(Threat(injector, places), 1, np.random.default_rng(0))
    strikes = attacked.strikes(plans, injector)

    def painted(objective: Objective) -> float:
        threat = Threat(injector, places, objective)
        best = optimize(attacked, [threat], 10.0, Ascent(steps=30))
        with torch.no_grad():
            return float(strikes.values(attacked.hu + best, excess_hu))

    shrunk, grown = painted(less_excess), painted(lambda outcome: -less_excess(outcome))
    with torch.no_grad():
        untouched = float(strikes.values(attacked.hu, excess_hu))
    assert shrunk < 0.5 * untouched < untouched < grown


def test_bfloat16_points_the_same_way(
    attacked: AttackedScan, injector: Attacker, monkeypatch: pytest.MonkeyPatch
) -> None:
    threat = Threat(injector, Around([CENTRE], attacked.spacing, 3.0))
    plans = attacked.plans(threat, 4, np.random.default_rng(0))
    perturbation = random_sign(attacked.hu, 5.0)
    gradients = []
    for half in (False, True):
        monkeypatch.setattr(
            "mitsgan.networks.precision.has_native_bfloat16", lambda device, half=half: half
        )
        with Gradients(attacked) as computed:
            computed_pairs = computed.at(threat, plans, perturbation, np.random.default_rng(0))
            gradients.append(torch.stack([gradient for _, gradient in computed_pairs]))
    exact, rounded = (g.flatten(1) for g in gradients)
    agree = torch.cosine_similarity(exact, rounded)
    assert 0.7 < agree.min() < 1, "rounded, and still the same direction"


class StopError(Exception):
    pass


def test_an_interrupted_ascent_ends_where_it_would_have(
    attacked: AttackedScan, injector: Attacker, remover: Attacker, tmp_path: Path
) -> None:
    path = tmp_path / "ascent.npz"
    places = Around([CENTRE], attacked.spacing, 3.0)
    threats = [Threat(injector, places), Threat(remover, places)]
    ascent = Ascent(steps=5, seed=3)
    whole = optimize(attacked, threats, 10.0, ascent)

    def stop(done: int, total: int, note: str = "") -> None:
        if done == 3:
            raise StopError

    with pytest.raises(StopError):
        optimize(attacked, threats, 10.0, ascent, progress=stop, checkpoint=path)
    assert path.exists()
    elsewhere = Around([CENTRE], attacked.spacing, 4.0)
    start = torch.ones_like(attacked.hu)
    other_goal = [replace(one, objective=less_excess) for one in threats]
    for others, limit, how, begin in (
        (threats, 9.0, ascent, None),
        ([replace(one, places=elsewhere) for one in threats], 10.0, ascent, None),
        (other_goal, 10.0, ascent, None),
        (threats, 10.0, replace(ascent, size=0.5), None),
        (threats, 10.0, ascent, start),
    ):
        with pytest.raises(DataError, match="another scan, budget or ascent"):
            optimize(attacked, others, limit, how, start=begin, checkpoint=path)
    steps: list[int] = []
    for _ in range(2):
        resumed = optimize(
            attacked,
            threats,
            10.0,
            ascent,
            progress=lambda done, total, note="": steps.append(done),
            checkpoint=path,
        )
        assert resumed.equal(whole)
    assert steps == [3, 4, 5, 5], "the second time all of it is there"


def test_a_damaged_checkpoint_is_refused(
    attacked: AttackedScan, injector: Attacker, tmp_path: Path
) -> None:
    path = tmp_path / "ascent.npz"
    path.write_bytes(b"PK\x03\x04")
    threat = Threat(injector, Around([CENTRE], attacked.spacing))
    with pytest.raises(DataError, match="no checkpoint of an ascent, or is damaged"):
        optimize(attacked, [threat], 10.0, Ascent(steps=1), checkpoint=path)
    assert path.exists(), "it is not ours to delete"


def test_time_is_a_limit_and_progress_is_told(
    attacked: AttackedScan, injector: Attacker, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[tuple[int, int]] = []
    threat = Threat(injector, Around([CENTRE], attacked.spacing))

    def run(ascent: Ascent) -> list[tuple[int, int]]:
        steps.clear()
        perturbation = optimize(
            attacked, [threat], 10.0, ascent, progress=lambda *at: steps.append(at[:2])
        )
        assert perturbation.any()
        return steps

    assert run(Ascent(steps=2)) == [(0, 2), (1, 2), (2, 2)]
    clock = count(100.0, 2.0)  # a look at it takes two seconds
    monkeypatch.setattr("mitsgan.optimize.ascent.time.monotonic", lambda: next(clock))
    assert run(Ascent(seconds=5.0)) == [(2, 5), (4, 5), (5, 5)]


def test_what_is_reached_after_each_step_can_be_watched(
    attacked: AttackedScan, injector: Attacker
) -> None:
    threat = Threat(injector, Around([CENTRE], attacked.spacing))
    seen: dict[int, Tensor] = {}

    def watch(done: int, perturbation: Callable[[], Tensor]) -> None:
        seen[done] = perturbation()

    last = optimize(attacked, [threat], 10.0, Ascent(steps=3), watch=watch)
    assert list(seen) == [1, 2, 3]
    assert seen[3].equal(last)
    assert seen[1].equal(seen[1].round())
    assert not seen[1].equal(last)


def test_positions_in_the_lung(attacked: AttackedScan, scan: Scan, injector: Attacker) -> None:
    threat = Threat(injector, LungPositions.of(scan))
    perturbation = optimize(attacked, [threat], 10.0, Ascent(steps=2))
    assert 0 < float(perturbation.abs().max()) <= 10


def test_it_says_where_nothing_can_be_attacked(attacked: AttackedScan, injector: Attacker) -> None:
    with pytest.raises(PositionError, match="nothing to optimise against"):
        optimize(attacked, [], 10.0, Ascent(steps=1))
    outside = Threat(injector, Around([(0, 0, 0)], attacked.spacing))
    with pytest.raises(PositionError, match=r"hardly any .* leaves the scan"):
        optimize(attacked, [outside], 10.0, Ascent(steps=1))


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"steps": 1, "seconds": 1.0},
        {"steps": 0},
        {"seconds": -1.0},
        {"steps": 1, "positions": 0},
        {"steps": 1, "size": 0.0},
        {"steps": 1, "seed": -1},
        {"steps": 1, "momentum": 1.0},
    ],
)
def test_settings_that_make_no_sense(wrong: dict[str, float]) -> None:
    with pytest.raises(SettingsError, match=r"give either|or more|lies between"):
        Ascent(**wrong)  # type: ignore[arg-type]
