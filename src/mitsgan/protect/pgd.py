"""Projected gradient ascent: what a perturbation can reach where the attack's place is known."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Objective = Callable[[Tensor], Tensor]

_MOMENTUM = 0.9
"""Of the normalised gradient."""


def pgd(
    hu: Tensor,
    objective: Objective,
    max_hu: float | Tensor,
    *,
    steps: int = 40,
    seed: int = 0,
) -> Tensor:
    """Maximise an objective over perturbations of at most ``max_hu`` (Madry et al. 2018).

    Sign steps with momentum (Dong et al. 2018) from a random start; the step size falls linearly
    from a quarter of the budget.

    Args:
        hu: ``[b, ...]``, what is perturbed, in HU.
        objective: of the perturbed ``hu``; one value per item of the batch, ``[b]``.
        max_hu: the budget: one number, or one for every voxel of ``hu``.
        steps: gradient steps.
        seed: of the random start.

    Returns:
        The perturbation in whole HU, of the shape of ``hu``: for each item the best one seen.
    """
    random = torch.Generator().manual_seed(seed)
    shape = hu.shape
    start = torch.rand(shape, generator=random) * 2 - 1
    bound = torch.as_tensor(max_hu).to(hu)
    perturbation = start.to(hu) * bound
    velocity = torch.zeros_like(hu)
    best, best_value = torch.zeros_like(hu), torch.full(shape[:1], -torch.inf).to(hu)
    each = (slice(None), *(None,) * (hu.ndim - 1))
    axes = tuple(range(1, hu.ndim))
    for step in range(steps + 1):
        stored = perturbation.round().clamp(-bound, bound)
        leaf = stored.detach().requires_grad_(True)
        value = objective(hu + leaf)
        better = value.detach() > best_value
        best = torch.where(better[each], stored.detach(), best)
        best_value = torch.where(better, value.detach(), best_value)
        if step == steps:
            break
        (gradient,) = torch.autograd.grad(value.sum(), leaf)
        scale = gradient.abs().mean(axes, keepdim=True).clamp_min(torch.finfo(hu.dtype).tiny)
        velocity = _MOMENTUM * velocity + gradient / scale
        size = bound / 4 * (1 - step / steps)
        perturbation = (perturbation + size * velocity.sign()).clamp(-bound, bound)
    return best
