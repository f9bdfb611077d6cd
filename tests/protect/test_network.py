"""The generator: how far it sees, and that what ships has no layers more than it had."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from mitsgan.protect.network import HALO, PATCH, PerturbationGenerator


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
