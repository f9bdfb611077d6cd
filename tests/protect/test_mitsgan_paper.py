from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from mitsgan.protect.mitsgan_paper import PAPER_SIDE, PaperGenerator, PaperNoiseNet


def _multiplications(slices: int, side: int) -> int:
    """Multiply-accumulates of all convolutions in one run, counted where they happen."""
    count = 0

    def counted(module: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        nonlocal count
        weight = module.get_parameter("weight")
        count += output.numel() * weight[0].numel()

    with torch.device("meta"):
        generator = PaperGenerator().double()
        for module in generator.modules():
            if isinstance(module, nn.Conv2d):
                module.register_forward_hook(counted)
        shape = (slices, 1, side, side)
        generator(torch.empty(shape).double(), torch.empty(shape).double())
    return count


@pytest.mark.parametrize("shape", [(1, 1, 16, 16), (3, 1, 8, 24)])
def test_the_whole_slice_is_repainted(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    generator = PaperGenerator().double().eval()
    slices, noise = torch.rand(shape).double(), torch.rand(shape).double()
    with torch.no_grad():
        painted = generator(slices, noise)
    assert painted.shape == shape
    assert painted.dtype == torch.float64
    assert float(painted.abs().max()) < 1


def test_a_slice_costs_58_gmac_as_the_release_does() -> None:
    cost = _multiplications(1, PAPER_SIDE)
    assert abs(cost / 1e9 - 58) < 1
    assert _multiplications(2, PAPER_SIDE) == 2 * cost


def test_noise_is_shaped_pixel_by_pixel() -> None:
    torch.manual_seed(0)
    net = PaperNoiseNet().eval()
    assert [m.out_channels for m in net.modules() if isinstance(m, nn.Conv2d)] == [2, 4, 4, 2, 1]
    noise = torch.rand(1, 1, 4, 4)
    with torch.no_grad():
        shaped = net(noise)
        assert torch.equal(net(noise.flip(2)), shaped.flip(2))
    assert float(shaped.min()) >= 0


def test_noise_reaches_the_result() -> None:
    torch.manual_seed(0)
    generator = PaperGenerator()  # in training, so that no channel of the noise lies still
    slices = torch.rand(2, 1, 8, 8)
    with torch.no_grad():
        one, two = (
            generator(slices, torch.rand(2, 1, 8, 8)),
            generator(slices, torch.rand(2, 1, 8, 8)),
        )
    assert not torch.equal(one, two)
