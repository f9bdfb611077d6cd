"""The generator: how far it sees, and that what ships has no layers more than it had."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mitsgan.protect.network import HALO, PATCH, Conv3d, PerturbationGenerator


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


@pytest.mark.parametrize("stride, kernel", [(1, (3, 3, 3)), (1, (1, 3, 3)), ((1, 2, 2), (1, 2, 2))])
def test_small_inputs_are_convolved_as_torch_does(stride: Any, kernel: Any) -> None:
    torch.manual_seed(0)
    layer = Conv3d(5, 6, kernel, stride=stride, padding=(0, 1, 1))
    plain = nn.Conv3d(5, 6, kernel, stride=stride, padding=(0, 1, 1))
    plain.load_state_dict(layer.state_dict())
    inputs = torch.randn(1, 5, 6, 8, 10)
    with torch.inference_mode():
        torch.testing.assert_close(layer(inputs), plain(inputs))
        half = layer.to(torch.bfloat16)(inputs.bfloat16())
    torch.testing.assert_close(half.float(), plain(inputs).detach(), rtol=0.05, atol=0.05)
