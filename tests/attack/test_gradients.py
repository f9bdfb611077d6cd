"""Gradients through the whole attack: exact, and present wherever the generator looks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from mitsgan.attack import (
    Action,
    Equalization,
    Generator,
    TrainedAttacker,
    plan_attack,
    tamper_blocks,
)
from mitsgan.attack.plan import Plan

_SHAPE = (44, 60, 60)
_MIDDLE = (22, 30, 30)
_CORE = (slice(6, 26),) * 3


def _attacker(action: Action, *, width: int = 4) -> TrainedAttacker:
    """With a table that is straight, so that its kinks do not disturb finite differences."""
    torch.manual_seed(3)
    bins = torch.linspace(-3000, 3000, 3, dtype=torch.float64)
    table = Equalization(bins, (bins + 3000) / 6000 * 32_768, 16_384.0, 12_000.0, 20_000.0)
    generator = Generator(width).double().eval().requires_grad_(False)
    return TrainedAttacker(action, generator, table)


def _volume() -> Tensor:
    rng = np.random.default_rng(0)
    return torch.from_numpy(rng.normal(-500, 150, _SHAPE))


def _plan(volume: Tensor, spacing: tuple[float, float, float], action: Action) -> Plan:
    return plan_attack(volume.numpy().astype(np.float32), spacing, _MIDDLE, action)


def _shell() -> Tensor:
    shell = torch.ones(32, 32, 32, dtype=torch.bool)
    shell[_CORE] = False
    return shell


def test_gradients_of_the_core_reach_every_voxel_of_the_shell_and_none_of_the_core() -> None:
    attacker = _attacker("inject")
    cube = _volume()[:32, :32, :32][None].clone().requires_grad_(True)
    painted = attacker.repaint(cube)[0][_CORE]
    weight = torch.randn(painted.shape, generator=torch.Generator().manual_seed(1)).double()
    (gradient,) = torch.autograd.grad((painted * weight).sum(), cube)
    shell = _shell()
    assert int(shell.sum()) == 24_768
    assert int(gradient[0][shell].count_nonzero()) == 24_768
    assert not gradient[0][~shell].any()


@pytest.mark.parametrize("action", ["inject", "remove"])
@pytest.mark.parametrize("spacing", [(2.5, 0.9, 0.8), (1.0, 1.0, 1.0)])
def test_gradients_agree_with_finite_differences(
    action: Action, spacing: tuple[float, float, float]
) -> None:
    """At voxels of the scan drawn from the shell, for a random weighting of the result."""
    attacker, volume = _attacker(action), _volume()
    plan = _plan(volume, spacing, action)
    random = torch.Generator().manual_seed(2)
    weight = torch.randn(plan.block, generator=random, dtype=torch.float64)

    def objective(hu: Tensor) -> Tensor:
        return (tamper_blocks(hu, [plan], attacker)[0] * weight).sum()

    leaf = volume.clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(objective(leaf), leaf)
    rng = np.random.default_rng(4)
    inside = torch.zeros(plan.block, dtype=torch.bool)
    inside[plan.cube_in_block] = True
    inside[plan.core_in_block] = False
    shell = np.argwhere(inside.numpy()) + np.asarray(plan.start)
    step = 1e-4
    for voxel in rng.choice(shell, 6, replace=False):
        place = tuple(int(v) for v in voxel)
        nudge = torch.zeros_like(volume)
        nudge[place] = step
        rise = (objective(volume + nudge) - objective(volume - nudge)) / (2 * step)
        assert float(gradient[place]) == pytest.approx(float(rise), rel=1e-5, abs=1e-7)


@pytest.mark.parametrize("action", ["inject", "remove"])
def test_gradients_through_the_core_come_from_the_touch_up_alone(action: Action) -> None:
    """At 1 mm, where nothing is resampled: the result's share of the original, and no more."""
    attacker, volume = _attacker(action), _volume()
    plan = replace(_plan(volume, (1.0, 1.0, 1.0), action), noise=None)
    leaf = volume.clone().requires_grad_(True)
    block = tamper_blocks(leaf, [plan], attacker)[0]
    weight = torch.randn(plan.block, generator=torch.Generator().manual_seed(5)).double()
    (gradient,) = torch.autograd.grad((block * weight).sum(), leaf)
    z, y, x = plan.core_in_block
    assert (z.stop - z.start, y.stop - y.start, x.stop - x.start) == (20, 20, 20)
    first = [p + s.start for p, s in zip(plan.start, (z, y, x), strict=True)]
    core = tuple(slice(f, f + 20) for f in first)
    with torch.no_grad():  # how the result follows the original where the painting stands still
        nudge = torch.zeros_like(volume)
        nudge[core] = 1e-3
        up, down = (tamper_blocks(volume + s * nudge, [plan], attacker)[0] for s in (1, -1))
        share = ((up - down) / 2e-3)[z, y, x]
    assert bool((share > -1e-6).all())
    assert bool((share < 1 + 1e-6).all())
    expected = share * weight[z, y, x]
    torch.testing.assert_close(gradient[core], expected, rtol=0, atol=1e-4)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("action", ["inject", "remove"])
def test_cuda_gives_the_same_result_and_gradient(action: Action) -> None:
    attacker, volume = _attacker(action), _volume()
    plan = _plan(volume, (2.5, 0.9, 0.8), action)
    results = []
    for device in ("cpu", "cuda"):
        leaf = volume.to(device).requires_grad_(True)
        there = replace(attacker, network=attacker.network.to(device))
        block = tamper_blocks(leaf, [plan], there)[0]
        (gradient,) = torch.autograd.grad(block.square().sum(), leaf)
        results.append((block.detach().cpu(), gradient.cpu()))
    (block, gradient), (block_cuda, gradient_cuda) = results
    torch.testing.assert_close(block_cuda, block, rtol=1e-9, atol=1e-6)
    torch.testing.assert_close(gradient_cuda, gradient, rtol=1e-7, atol=1e-4)
