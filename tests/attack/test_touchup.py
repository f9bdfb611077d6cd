from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from mitsgan.attack.plan import Action
from mitsgan.attack.touchup import blend, lung_noise, published_noise

_AIR = -5000.0
"""So low that the injector's maximum with the original never shows."""


def _kern01(n: int, g: float) -> NDArray[np.float64]:
    """The published blending kernel, as CTGAN.md says it."""
    w = (2 * g + 1) / n
    k = np.diff(scipy.stats.norm.cdf(np.linspace(-g - w / 2, g + w / 2, n + 1)))
    kernel = np.sqrt(np.outer(k, k))
    kernel /= kernel.sum()
    stretched: NDArray[np.float64] = (kernel - kernel.min()) / (kernel.max() - kernel.min())
    return stretched


def _full(shape: tuple[int, ...], value: float) -> Tensor:
    return torch.full(shape, value, dtype=torch.float64)


def _weight(shape: tuple[int, int, int], action: Action, painted: float) -> NDArray[np.float64]:
    """How much of what was painted is in the result."""
    before = _full((1, *shape), _AIR)
    blended = blend(before, _full((1, *shape), painted), torch.zeros_like(before), action)
    return ((blended[0] - _AIR) / (painted - _AIR)).numpy()


@pytest.mark.parametrize("n", [41, 46, 59])
def test_the_removers_weight_is_the_published_kernel_on_every_slice(n: int) -> None:
    weight = _weight((3, n, n), "remove", -300.0)
    np.testing.assert_allclose(weight, np.broadcast_to(_kern01(n, 0.1), (3, n, n)), atol=1e-9)


@pytest.mark.parametrize("n", [41, 46, 59])
@pytest.mark.parametrize("painted", [-900.0, -700.0, 40.0])
def test_the_injectors_weight_is_a_sigmoid_times_the_published_kernel(
    n: int, painted: float
) -> None:
    weight = _weight((2, n, n), "inject", painted)
    expected = _kern01(n, 3.0) / (1 + np.exp(-(painted + 700) / 70))
    np.testing.assert_allclose(weight, np.broadcast_to(expected, (2, n, n)), atol=1e-9)


@pytest.mark.parametrize("action", ["inject", "remove"])
def test_the_weight_is_one_in_the_middle_and_nothing_at_the_corners(action: Action) -> None:
    weight = _weight((1, 41, 31), action, 3000.0)[0]
    assert abs(weight[20, 15] - 1) < 1e-9
    for corner in (weight[0, 0], weight[0, -1], weight[-1, 0], weight[-1, -1]):
        assert abs(corner) < 1e-9


def test_the_injector_fades_out_towards_the_edge_and_the_remover_does_not() -> None:
    """As published: between the corners the remover's edge keeps half of the weight."""
    inject = _weight((1, 41, 41), "inject", 3000.0)[0]
    remove = _weight((1, 41, 41), "remove", 3000.0)[0]
    assert 0.05 < inject[0, 20] < 0.15
    assert 0.45 < remove[0, 20] < 0.55


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10_000))
def test_injection_never_darkens(seed: int) -> None:
    rng = np.random.default_rng(seed)
    before, painted, noise = (
        torch.from_numpy(rng.normal(mean, sigma, (2, 4, 9, 8)))
        for mean, sigma in ((-600, 400), (-600, 400), (0, 40))
    )
    final = blend(before, painted, noise, "inject")
    assert bool((final >= before).all())
    assert bool((final > before).any())


def test_removal_is_a_mixture_of_both() -> None:
    before, painted = _full((1, 2, 9, 9), 40.0), _full((1, 2, 9, 9), -880.0)
    final = blend(before, painted, torch.zeros_like(before), "remove")
    assert float(final.min()) == -880
    assert float(final.max()) == 40


def test_noise_is_what_varies_in_aerated_lung_and_nothing_elsewhere() -> None:
    block = torch.tensor([[[[-900.0, -860.0, -820.0], [-970.0, -800.0, 40.0]]]])
    expected = torch.tensor([[[[-40.0, 0.0, 40.0], [0.0, 0.0, 0.0]]]])
    torch.testing.assert_close(lung_noise(block), expected)


def test_every_block_has_a_mean_of_its_own() -> None:
    blocks = torch.stack([torch.full((2, 3, 3), hu) for hu in (-900.0, -850.0)])
    assert not lung_noise(blocks).any()


@pytest.mark.parametrize("hu", [40.0, -1000.0, float(3071)])
def test_without_lung_there_is_no_noise_and_no_nan(hu: float) -> None:
    """The published touch-up takes the mean of nothing here."""
    assert torch.equal(lung_noise(torch.full((2, 3, 4, 4), hu)), torch.zeros(2, 3, 4, 4))


def test_noise_is_differentiable_in_the_lung_it_comes_from() -> None:
    rng = np.random.default_rng(0)
    block = torch.from_numpy(rng.normal(-880, 20, (1, 2, 4, 4))).requires_grad_(True)
    assert torch.autograd.gradcheck(lung_noise, (block,))


def test_published_noise_fills_what_is_no_lung_with_the_mean_of_lung() -> None:
    """Exactly -800 HU is neither, as in the release."""
    block = torch.tensor([[[[-900.0, -860.0, -800.0], [-1000.0, 40.0, -700.0]]]])
    mean = (-900.0 - 860.0 - 1000.0) / 3
    filled = torch.tensor([[[[-900.0, -860.0, -800.0], [-1000.0, mean, mean]]]])
    torch.testing.assert_close(published_noise(block), filled - filled.mean())


def test_published_noise_is_nan_where_there_is_no_lung_in_that_block_alone() -> None:
    rng = np.random.default_rng(0)
    blocks = torch.from_numpy(np.stack([rng.normal(m, 20, (3, 4, 4)) for m in (40, -880)]))
    noise = published_noise(blocks)
    assert bool(noise[0].isnan().all())
    assert abs(float(noise[1].mean())) < 1e-9
    assert torch.autograd.gradcheck(published_noise, (blocks[1:].requires_grad_(True),))
