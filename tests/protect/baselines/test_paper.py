from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mitsgan.perturb import Budget
from mitsgan.protect.baselines.paper import (
    GROUP,
    PAPER_SIDE,
    MitsGanPaper,
    PaperGenerator,
    PaperNoiseNet,
)
from mitsgan.protect.baselines.slices import clean_hu, hu_range, stretch, to_unit
from mitsgan.scan.scan import AIR_HU, Scan


def _multiplications(slices: int, side: int) -> int:
    """Multiply-accumulates of all convolutions in one run, counted where they happen."""
    count = 0

    def counted(module: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        nonlocal count
        weight = module.get_parameter("weight")
        count += output.numel() * weight[0].numel()

    generator = PaperGenerator().eval()
    for module in generator.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(counted)
    shape = (slices, 1, side, side)
    with torch.no_grad():
        generator(torch.zeros(shape), torch.zeros(shape))
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
    cost = _multiplications(1, 64)
    assert _multiplications(1, 128) == 4 * cost  # every layer keeps the size
    assert _multiplications(2, 64) == 2 * cost
    assert abs(cost * (PAPER_SIDE / 64) ** 2 / 1e9 - 58) < 1


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


def test_every_four_slices_are_stretched_to_their_own_range(small_chest: Scan) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)  # a seed whose noise net is alive
        layer = MitsGanPaper(PaperGenerator(4).eval(), 0, {})
    added = layer.perturbation(small_chest, 0, 10, Budget(1.0))
    for group in range(0, 8, GROUP):
        before = clean_hu(small_chest, group, group + GROUP).numpy()
        painted = before + added[group : group + GROUP]
        assert abs(painted.min() - before.min()) < 0.01
        assert abs(painted.max() - before.max()) < 0.01
    other = MitsGanPaper(layer.network, 1).perturbation(small_chest, 0, 4, Budget(1.0))
    assert (other != added[:4]).any()


def test_padding_and_what_is_no_number_are_air_to_it(small_chest: Scan) -> None:
    stored = small_chest.hu()
    stored[0, 0, :3] = (np.nan, np.inf, -3000)
    ones = np.ones(len(stored))
    scan = Scan(stored, ones, 0 * ones, -32768, 32767, small_chest.geometry)
    assert clean_hu(scan, 0, 1)[0, 0, :3].tolist() == [AIR_HU] * 3
    assert hu_range(scan)[0] == AIR_HU


def test_a_flat_slice_stays_finite() -> None:
    flat = torch.full((4, 4), -0.5)
    assert stretch(flat, -1000.0, -1000.0).tolist() == [[-1000.0] * 4] * 4
    assert bool(to_unit(flat, -0.5, -0.5).isfinite().all())
