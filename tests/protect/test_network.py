"""The generator: how far it sees, and that what ships has no layers more than it had."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from mitsgan.protect.network import PerturbationGenerator
from mitsgan.protect.patches import HALO, PATCH
from mitsgan.protect.wave import FINEST_CYCLES, wave_basis


def seen_from_the_middle(reach: int) -> int:
    """How many pixels of the middle slice change the residual of the middle pixel."""
    torch.manual_seed(0)
    generator = PerturbationGenerator((4, 4), reach).eval()
    side = 192
    hu = torch.randn(1 + 2 * HALO, side, side) * 30 - 850
    hu.requires_grad_(True)
    noise = torch.randn(len(hu), side // PATCH, side // PATCH)
    residual: Tensor = generator(hu, noise, (2.5, 40.0, 40.0))  # so that the local mean is small
    (gradient,) = torch.autograd.grad(residual[0, side // 2, side // 2], hu)
    rows = torch.nonzero(gradient[HALO].abs().sum(1))[:, 0]
    return int(rows.max() - rows.min()) + 1


def test_every_further_layer_sees_twice_as_far() -> None:
    widths = [seen_from_the_middle(reach) for reach in (0, 1, 2)]
    assert widths[1] - widths[0] == pytest.approx(2 * 16, abs=8)
    assert widths[2] - widths[1] == pytest.approx(2 * 32, abs=8)


def test_without_reach_it_is_the_network_that_ships() -> None:
    plain, far = (PerturbationGenerator((4, 6), reach) for reach in (0, 2))
    more = set(far.state_dict()) - set(plain.state_dict())
    assert more == {f"far.{n}.{part}" for n in (0, 1) for part in ("weight", "bias")}


WAVES = (0.4, 0.25)
SPACING = (2.5, 0.8, 0.7)


def with_waves(width: tuple[int, int] = (4, 6)) -> PerturbationGenerator:
    """A generator whose output is its waves alone."""
    torch.manual_seed(0)
    generator = PerturbationGenerator(width, waves=WAVES).eval().requires_grad_(False)
    generator.head.weight.zero_()
    generator.head.bias.zero_()  # type: ignore[union-attr]
    return generator


def slab(height: int, width: int) -> tuple[Tensor, Tensor]:
    hu = torch.randn(1 + 2 * HALO, height, width) * 30 - 850
    return hu, torch.randn(len(hu), height // PATCH, width // PATCH)


def test_it_begins_as_the_first_wave_from_front_to_back() -> None:
    residual = with_waves()(*slab(32, 40), SPACING, (3.0, 0.0))
    rows = 3.0 + SPACING[1] * torch.arange(32, dtype=torch.float64)
    expected = 1.5 * (2 * math.pi * WAVES[0] * rows).cos().float()
    torch.testing.assert_close(
        residual, expected[None, :, None].expand(1, 32, 40), atol=1e-4, rtol=0
    )


@pytest.mark.parametrize("number", range(4 * len(WAVES)))
def test_every_amplitude_is_of_a_wave_along_an_axis(number: int) -> None:
    generator = with_waves()
    generator.amplitudes.bias.zero_()  # type: ignore[union-attr]
    generator.amplitudes.bias[number] = 1.0  # type: ignore[index]
    residual = generator(*slab(32, 40), SPACING, (3.0, 5.0))[0]
    axis, rest = divmod(number, 2 * len(WAVES))
    kind, wave = divmod(rest, len(WAVES))
    along, across = (residual[:, :1], residual) if axis == 0 else (residual[:1], residual)
    torch.testing.assert_close(across, along.expand_as(across))
    where = (3.0, 5.0)[axis] + SPACING[1 + axis] * torch.arange(residual.shape[axis]).double()
    expected = (2 * math.pi * WAVES[wave] * where - (0, math.pi / 2)[kind]).cos().float()
    torch.testing.assert_close(along.flatten(), expected, atol=1e-4, rtol=0)


def test_no_wave_is_finer_than_pixels_hold() -> None:
    coarse = wave_basis([0.4], 10, 2.0, 0.0)
    np.testing.assert_allclose(coarse, wave_basis([FINEST_CYCLES / 2.0], 10, 2.0, 0.0))


def test_a_phase_moves_waves_and_nothing_else() -> None:
    torch.manual_seed(0)
    generator = PerturbationGenerator((4, 6)).eval()
    inputs = slab(32, 40)
    torch.testing.assert_close(
        generator(*inputs, SPACING, (1.0, 2.0)), generator(*inputs, SPACING), rtol=0, atol=0
    )
