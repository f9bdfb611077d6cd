"""Strikes: what is pasted, what of the old scan is left, and who shares a scan."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tests.evaluate.untrained import attacker

from mitsgan.anatomy.places import lung_positions
from mitsgan.attack import Action, Plan, plan_attack, tamper
from mitsgan.evaluate.tampering.strikes import Form, Strike, rounds, strike, struck
from mitsgan.phantom.chest import chest
from mitsgan.scan.scan import Scan


@pytest.fixture(scope="module")
def scan() -> Scan:
    return chest((40, 112, 112), (3.0, 3.0, 3.0), seed=2)


def plans(scan: Scan, action: Action) -> list[Plan]:
    return [
        plan_attack(scan.hu(), scan.spacing, p, action) for p in lung_positions(scan, 10, seed=0)
    ]


@pytest.fixture(scope="module", params=["inject", "remove"])
def strikes(scan: Scan, request: pytest.FixtureRequest) -> list[Strike]:
    return strike(scan, plans(scan, request.param), attacker(request.param))


def test_a_touched_up_strike_is_the_attack_itself(scan: Scan, strikes: list[Strike]) -> None:
    assert len(strikes) == 10, "more than one batch"
    for one in strikes[:2]:
        expected = tamper(torch.from_numpy(scan.hu()), one.plan, attacker(one.plan.action))
        tampered = struck(scan, [one], "touched up")
        inside = ~scan.is_padding()
        np.testing.assert_allclose(tampered.hu()[inside], expected.numpy()[inside], atol=0.51)


def test_replaced_is_where_the_old_scan_is_gone(scan: Scan) -> None:
    """A mark of one HU is gone from where a strike says so, and elsewhere it is not."""
    for action in ("inject", "remove"):
        kind: Action = "inject" if action == "inject" else "remove"
        plan = plans(scan, kind)[0]
        (one,) = strike(scan, [plan], attacker(kind))
        z, y, x = (slice(s, s + n) for s, n in zip(plan.start, plan.block, strict=True))
        kernel_middle = one.replaced[plan.core_in_block]
        changed = one.after != one.before
        assert not (one.replaced & ~changed).any()
        if kind == "remove":
            assert kernel_middle.all(), "the middle is wholly the generator's"
            outside = np.ones(plan.block, bool)
            outside[plan.cube_in_block] = False
            assert not one.replaced[outside].any(), "beside the cube only noise is added"
        else:
            kept = one.after == one.before
            assert kept.any()
            assert not one.replaced[kept].any(), "brighter voxels stay as they were"
            assert one.replaced.sum() > 0
        assert scan.hu()[z, y, x].shape == one.before.shape


@pytest.mark.parametrize("form, side", [("core 10 mm", 9), ("core 16 mm", 15), ("core 20 mm", 21)])
def test_a_core_is_a_whole_cube_of_the_generators(
    strikes: list[Strike], scan: Scan, form: Form, side: float
) -> None:
    one = strikes[0]
    block, replaced = one.block(form, scan.spacing)
    assert replaced.sum() * 27 == side**3, "whole voxels of 3 mm"
    np.testing.assert_array_equal(block[replaced], one.painted[replaced])
    np.testing.assert_array_equal(block[~replaced], one.before[~replaced])
    middle = tuple(int(np.mean(np.flatnonzero(replaced.any(axes)))) for axes in ((1, 2), (0, 2)))
    for place, n in zip(middle, one.plan.block, strict=False):
        assert abs(place - n // 2) <= 1


def test_a_kept_residual_leaves_little_to_see(strikes: list[Strike], scan: Scan) -> None:
    def detail(hu: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(np.diff(np.diff(hu, axis=1), axis=2)).ravel()

    one = strikes[0]
    kept = one.block("residual kept", scan.spacing)[0]
    alike = [np.corrcoef(detail(b), detail(one.before))[0, 1] for b in (one.after, kept)]
    assert alike[1] > 0.95
    assert alike[1] > alike[0]


def test_the_core_is_around_the_position(strikes: list[Strike]) -> None:
    for one in strikes:
        for part, place in zip(one.core(), one.plan.position, strict=True):
            assert part.start <= place < part.stop
            assert part.stop - part.start in (6, 7), "20 mm of 3 mm voxels"


def test_rounds_keep_positions_apart_and_lose_none() -> None:
    rng = np.random.default_rng(0)
    positions = [(int(z), int(y), int(x)) for z, y, x in rng.integers(0, 100, (60, 3))]
    shared = rounds(positions, (2.0, 1.0, 1.0), 40.0)
    assert sorted(i for members in shared for i in members) == list(range(60))
    assert len(shared) < 30
    for members in shared:
        for i in members:
            for j in members:
                gap = np.abs(np.subtract(positions[i], positions[j]) * (2, 1, 1)).max()
                assert i == j or gap >= 40
