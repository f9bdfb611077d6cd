"""Light processing: mild, differentiable, and the same for both scans."""

from __future__ import annotations

import torch

from mitsgan.attack import Cut, Plan, TrainedAttacker, surrogate_path
from mitsgan.attack.variety import LARGEST_NOISE_HU, Variety, light_processing


def test_without_a_share_nothing_happens() -> None:
    blocks = torch.randn(2, 3, 8, 8)
    for seed in range(20):
        process = light_processing(0.0, torch.Generator().manual_seed(seed))
        assert process(blocks) is blocks


def test_both_scans_are_processed_alike_and_gradients_pass() -> None:
    seen = set()
    for seed in range(40):
        process = light_processing(1.0, torch.Generator().manual_seed(seed))
        blocks = 100 * torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(seed))
        blocks.requires_grad_()
        once = process(blocks)
        torch.testing.assert_close(once, process(blocks))
        (gradient,) = torch.autograd.grad(once.sum(), blocks)
        assert torch.isfinite(gradient).all()
        assert (gradient.sum() - blocks.numel()).abs() < 1e-2
        smooths = bool(once.std() < blocks.std() * 0.999)
        seen.add(smooths)
        if not smooths:
            assert (once - blocks).std() <= LARGEST_NOISE_HU * 1.1
    assert seen == {True, False}


def test_a_blur_keeps_what_is_even() -> None:
    even = torch.full((1, 2, 6, 6), -850.0)
    for seed in range(20):
        process = light_processing(1.0, torch.Generator().manual_seed(seed))
        noise = process(torch.zeros_like(even))
        torch.testing.assert_close(process(even) - noise, even)


def test_a_variety_is_the_same_for_both_versions() -> None:
    plan = Plan("inject", (20, 20, 20), (12, 16, 16), (16, 20, 20), None)
    before = torch.randn(1, 16, 20, 20, generator=torch.Generator().manual_seed(0)) * 30 - 850
    cut = Cut(before, torch.zeros_like(before), (plan,), (40, 40, 40))
    attacker = TrainedAttacker.load(surrogate_path("narrow", "inject"))
    shifts = set()
    for seed in range(6):
        variety = Variety.draw(torch.Generator().manual_seed(seed), 1.0)
        assert max(abs(part) for part in variety.shift) <= 0.5
        shifts.add(variety.shift)
        with torch.no_grad():
            assert variety.strikes(cut, attacker).rmse(variety.cut(cut)).max() < 1e-3
    assert len(shifts) > 4
