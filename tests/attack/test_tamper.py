"""The pipeline against a second statement of it in NumPy and SciPy, both actions.

What the repaired attacker does differently from the published one is stated here a second time:
32 mm and 32 voxels exactly, noise from lung beside the cube, air beyond the border, a block of
1.3 times the cube along every axis. Overflow, whose order differs, is in `test_attacker`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import scipy.ndimage
import scipy.stats
import torch
from numpy.typing import NDArray
from torch import Tensor

from mitsgan.attack import (
    ACTIONS,
    Action,
    Cut,
    Equalization,
    Generator,
    TrainedAttacker,
    cut_blocks,
    cut_plans,
    plan_attack,
    tamper,
    tamper_blocks,
    tamper_cut,
)
from mitsgan.attack.overflow import repair
from mitsgan.attack.plan import Plan
from mitsgan.errors import PositionError

Array = NDArray[np.float64]
Position = tuple[int, int, int]

_SPACING = (2.5, 1.1, 0.9)  # cube 13 x 29 x 36, block 16 x 37 x 46: no two axes alike
_SHAPE = (26, 90, 100)
_MIDDLE = (13, 45, 50)
_MEAN, _RANGE = 15_000.0, 32_000.0
_BINS = np.linspace(-1050, 1200, 400)
_CDF = 32_768 / (1 + np.exp(-(_BINS + 500) / 350))


def _scan(seed: int = 0) -> Array:
    """Aerated lung with soft tissue in it, all of it rough."""
    rng = np.random.default_rng(seed)
    tissue = scipy.ndimage.gaussian_filter(rng.standard_normal(_SHAPE), 4)
    hu = np.where(tissue > 1.2 * tissue.std(), 30.0, -880.0)
    hu = scipy.ndimage.gaussian_filter(hu, 1) + rng.normal(0, 25, _SHAPE)
    return np.asarray(hu.astype(np.float32), np.float64)


def _paint(unit: Array) -> Array:
    """A fixed function in place of the generator; no two axes are alike to it."""
    moved = 0.7 * np.roll(unit, (3, -5, 11), (0, 1, 2)) + 0.2 * unit[::-1]
    ramp = np.linspace(-0.4, 0.5, 32)
    painted = moved + ramp[:, None, None] * np.sin(np.arange(32.0))[:, None] + 0.1 * ramp
    return np.asarray(np.tanh(painted))


class _Fixed(Generator):
    def forward(self, condition: Tensor) -> Tensor:
        return torch.stack([torch.from_numpy(_paint(cube[0].numpy()))[None] for cube in condition])


def _attacker(action: Action, generator: Generator | None = None) -> TrainedAttacker:
    table = Equalization(torch.from_numpy(_BINS), torch.from_numpy(_CDF), _MEAN, 0.0, _RANGE)
    return TrainedAttacker(action, generator or _Fixed(1), table)


def _plan(scan: Array, position: Position, action: Action) -> Plan:
    return plan_attack(scan.astype(np.float32), _SPACING, position, action)


def _reference_cut(scan: Array, centre: Position, shape: Array) -> Array:
    wide = np.pad(scan, 100, constant_values=-1000.0)
    start = np.asarray(centre) - np.rint(shape / 2).astype(int) + 100
    z, y, x = (slice(s, s + int(n)) for s, n in zip(start, shape, strict=True))
    return wide[z, y, x]


def _reference_paste(scan: Array, cube: Array, centre: Position) -> Array:
    wide = np.pad(scan, 100)
    start = np.asarray(centre) - np.rint(np.asarray(cube.shape) / 2).astype(int) + 100
    z, y, x = (slice(s, s + n) for s, n in zip(start, cube.shape, strict=True))
    wide[z, y, x] = cube
    return wide[100:-100, 100:-100, 100:-100]


def _reference_scale(cube: Array, shape: Array) -> Array:
    factors = shape / np.asarray(cube.shape)
    return np.asarray(scipy.ndimage.zoom(cube, factors, order=3, mode="nearest"))


def _reference_kernel(height: int, width: int, g: float) -> Array:
    bells = []
    for n in (height, width):
        w = (2 * g + 1) / n
        bells.append(np.diff(scipy.stats.norm.cdf(np.linspace(-g - w / 2, g + w / 2, n + 1))))
    kernel = np.sqrt(np.outer(*bells))
    kernel /= kernel.sum()
    return np.asarray((kernel - kernel.min()) / (kernel.max() - kernel.min()))


def _reference_noise(scan: Array, centre: Position, d: Array) -> Array:
    """Of eight neighbours half a block away in plane, the one with most lung lends."""
    lenders = []
    for dy, dx in product((-1, 0, 1), repeat=2):
        if (dy, dx) != (0, 0):
            z, y, x = centre
            near = (z, y + int(dy * d[1]) // 2, x + int(dx * d[2]) // 2)
            lenders.append(_reference_cut(scan, near, d))
    lungs = [(b > -970) & (b < -800) for b in lenders]
    most = int(np.argmax([lung.sum() for lung in lungs]))
    block, lung = lenders[most], lungs[most]
    return np.where(lung, block - block[lung].mean(), 0)


def _reference(scan: Array, centre: Position, action: Action) -> Array:
    """Steps 1 to 8 of CTGAN.md on a whole scan."""
    n = np.rint(32 / np.asarray(_SPACING))
    d = np.floor(1.3 * n)
    cube = _reference_scale(_reference_cut(scan, centre, n), np.full(3, 32.0))
    before = _reference_cut(scan, centre, d)
    noise = _reference_noise(scan, centre, d)
    q = (np.interp(cube, _BINS, _CDF) - _MEAN) / _RANGE
    q[6:26, 6:26, 6:26] = 0
    painted = np.interp(np.clip(_paint(q), -0.5, 0.5) * _RANGE + _MEAN, _CDF, _BINS)
    painted = np.maximum(painted, -1000)
    scan = _reference_paste(scan, _reference_scale(painted, n), centre)
    after = _reference_cut(scan, centre, d)
    height, width = before.shape[1:]
    if action == "inject":
        weight = 1 / (1 + np.exp(-(after + 700) / 70)) * _reference_kernel(height, width, 3)
        final = np.maximum((after + noise) * weight + before * (1 - weight), before)
    else:
        weight = _reference_kernel(height, width, 0.1)
        final = (after + noise) * weight + before * (1 - weight)
    return _reference_paste(scan, final, centre)


_POSITIONS: tuple[Position, ...] = (
    _MIDDLE,
    (8, 31, 40),
    (5, 45, 50),  # block and cube leave the scan below
    (19, 79, 88),  # and above, on all axes
    (13, 10, 12),
)


@pytest.mark.slow
@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("position", _POSITIONS)
def test_equals_a_second_statement(action: Action, position: Position) -> None:
    scan = _scan()
    ours = tamper(torch.from_numpy(scan), _plan(scan, position, action), _attacker(action)).numpy()
    expected = _reference(scan, position, action)
    assert np.abs(expected - scan).max() > 100
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.slow
def test_single_precision_is_within_one_hu(action: Action) -> None:
    """With a fixed function: a network's own rounding is not the pipeline's."""

    class Single(_Fixed):
        def forward(self, condition: Tensor) -> Tensor:
            return super().forward(condition.double()).to(condition.dtype)

    scan = _scan()
    volume = torch.from_numpy(scan).float()
    attacker = _attacker(action, Single(1))
    tampered = tamper(volume, _plan(scan, _MIDDLE, action), attacker)
    assert tampered.dtype == torch.float32
    assert float(np.abs(tampered.numpy() - _reference(scan, _MIDDLE, action)).max()) < 1


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("position", _POSITIONS)
def test_nothing_changes_outside_the_block(action: Action, position: Position) -> None:
    volume = torch.from_numpy(_scan())
    plan = _plan(volume.numpy(), position, action)
    tampered = tamper(volume, plan, _attacker(action))
    outside = torch.ones_like(volume, dtype=torch.bool)
    z, y, x = (slice(max(s, 0), s + n) for s, n in zip(plan.start, plan.block, strict=True))
    outside[z, y, x] = False
    assert torch.equal(tampered[outside], volume[outside])
    assert torch.equal(volume, torch.from_numpy(_scan()))


@pytest.mark.parametrize("action", ACTIONS)
def test_a_batch_equals_its_items(action: Action) -> None:
    volume = torch.from_numpy(_scan())
    plans = [_plan(volume.numpy(), position, action) for position in _POSITIONS]
    attacker = _attacker(action)
    together = tamper_blocks(volume, plans, attacker)
    for plan, block in zip(plans, together, strict=True):
        alone = tamper_blocks(volume, [plan], attacker)[0]
        torch.testing.assert_close(alone, block, rtol=0, atol=1e-9)


def test_blocks_at_a_border_are_filled_up_with_air() -> None:
    volume = torch.arange(24.0).reshape(2, 3, 4)
    block = cut_blocks(volume, [(0, 0, 3)], (4, 2, 4))[0]
    expected = torch.full((4, 2, 4), -1000.0)
    expected[2:, 1:, :3] = volume[:, :1, 1:]
    assert torch.equal(block, expected)


@pytest.mark.parametrize("centre", [(2, 20, 2), (2, 2, -20)])
def test_a_block_beyond_the_scan_is_all_air(centre: Position) -> None:
    block = cut_blocks(torch.zeros(4, 4, 4), [centre], (2, 2, 3))[0]
    assert torch.equal(block, torch.full((2, 2, 3), -1000.0))


def test_the_plan_decides_where_noise_comes_from() -> None:
    """So that original and protected scan are struck alike, whatever their voxels say."""
    scan = _scan()
    plan = _plan(scan, _MIDDLE, "remove")
    assert plan.noise is not None
    other = np.where(scan < -800, scan + 200, scan)  # no aerated lung is left
    cut = cut_plans(torch.from_numpy(other), [replace(plan, noise=None)])
    assert not cut.noise.any()
    start = np.asarray(plan.noise) - np.rint(np.asarray(plan.block) / 2).astype(int)
    z, y, x = (slice(s, s + n) for s, n in zip(start, plan.block, strict=True))
    other[z, y, x] = scan[z, y, x]
    moved = cut_plans(torch.from_numpy(other), [plan]).noise
    torch.testing.assert_close(moved, cut_plans(torch.from_numpy(scan), [plan]).noise)


def test_without_lung_nothing_becomes_nan() -> None:
    water = np.zeros(_SHAPE) + np.random.default_rng(0).normal(0, 10, _SHAPE)
    plan = _plan(water, _MIDDLE, "inject")
    assert plan.noise is None
    assert torch.isfinite(tamper(torch.from_numpy(water), plan, _attacker("inject"))).all()


@pytest.mark.parametrize("shift", [(0.0, 0.0, 0.0), (0.5, -0.4, 0.3), (-0.3, 0.5, -0.5)])
def test_a_shift_of_the_cube_is_taken_back_when_it_is_pasted(
    shift: tuple[float, float, float],
) -> None:
    """An attacker that paints what it sees leaves a ramp alone, but for the held edges."""

    class Copy(TrainedAttacker):
        def repaint(
            self,
            cubes: Tensor,
            repair: Callable[[Tensor], Tensor] = repair,
            seeds: Sequence[int] | None = None,
        ) -> Tensor:
            seen.append(cubes)
            return cubes

    seen: list[Tensor] = []
    slopes = (11.0, 7.0, -5.0)
    ramp = np.tensordot(np.asarray(slopes), np.indices(_SHAPE), 1)
    plan = replace(_plan(ramp, _MIDDLE, "remove"), noise=None)
    cut = cut_plans(torch.from_numpy(ramp), [plan])
    base = _attacker("remove")
    final = tamper_cut(cut, Copy(base.action, base.network, base.equalization), shift)
    middle = seen[0][0, 15:17, 15:17, 15:17].mean()
    unmoved = ramp[13 - 6 : 13 + 7, 45 - 14 : 45 + 15, 50 - 18 : 50 + 18].mean()
    moved = sum(s * slope for s, slope in zip(shift, slopes, strict=True))
    assert abs(float(middle) - unmoved - moved) < 0.05
    z, y, x = (slice(s.start + 5, s.stop - 5) for s in plan.cube_in_block)
    error = (final - cut.before)[0, z, y, x].abs().max()
    assert float(error) < 0.2


def test_plans_of_two_kinds_do_not_go_together() -> None:
    scan = _scan()
    plans = [_plan(scan, _MIDDLE, action) for action in ACTIONS]
    with pytest.raises(PositionError, match="one action, one spacing and one style"):
        cut_plans(torch.from_numpy(scan), plans)
    with pytest.raises(PositionError, match="one action, one spacing and one style"):
        cut_plans(torch.from_numpy(scan), [])


def test_a_plan_for_another_action_is_refused() -> None:
    scan = _scan()
    with pytest.raises(PositionError, match="plans say inject, the attacker can remove"):
        tamper(torch.from_numpy(scan), _plan(scan, _MIDDLE, "inject"), _attacker("remove"))


def test_a_cut_keeps_its_plans() -> None:
    scan = _scan()
    plans = (_plan(scan, _MIDDLE, "inject"), _plan(scan, (12, 40, 40), "inject"))
    cut = cut_plans(torch.from_numpy(scan), plans)
    assert isinstance(cut, Cut)
    assert cut.plans == plans
    assert cut.before.shape == cut.noise.shape == (2, *plans[0].block)
