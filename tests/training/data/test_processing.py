"""Light processing: mild, differentiable, and the same for both scans."""

from __future__ import annotations

import torch

from mitsgan.training.data.processing import LARGEST_NOISE_HU, light_processing


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
