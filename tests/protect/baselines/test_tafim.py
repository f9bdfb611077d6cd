from __future__ import annotations

import pytest
import torch

from mitsgan.protect.baselines.slices import UNIT, UNIT_HU
from mitsgan.protect.baselines.tafim import SIDE, TafimNet, added_hu


@pytest.fixture(scope="module")
def net() -> TafimNet:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return TafimNet(2).eval()


def test_the_published_width_gives_the_published_network() -> None:
    with torch.device("meta"):
        net = TafimNet()
    widths = [layer.out_channels for layer in net.down]
    assert widths == [64, 128, 256, 512, 512, 512]
    assert [layer.in_channels for layer in net.up] == [512, 1024, 1024, 512, 256, 128]
    assert [layer.out_channels for layer in net.up] == [512, 512, 256, 128, 64, 1]


@pytest.mark.parametrize("shape", [(64, 64), (70, 129)])
def test_slices_of_any_size_are_perturbed_each_on_its_own(
    net: TafimNet, shape: tuple[int, int]
) -> None:
    slices = torch.rand(2, 1, *shape, generator=torch.Generator().manual_seed(1)) * 2 - 1
    with torch.no_grad():
        both = net(slices)
        torch.testing.assert_close(both[1:], net(slices[1:]), atol=1e-5, rtol=1e-4)
    assert both.shape == slices.shape
    assert 0 < float(both.abs().max()) <= 1
    assert not torch.allclose(both[0], both[1], atol=1e-4)


def test_the_global_perturbation_starts_uniform_and_is_seen(net: TafimNet) -> None:
    noise = net.universal(SIDE, SIDE).detach()
    assert 0 <= float(noise.min()) < 0.01 < 0.99 < float(noise.max()) < 1
    assert net.universal(100, 80).shape == (1, 1, 100, 80)
    slices = torch.zeros(1, 1, 64, 64)
    with torch.no_grad():
        before = net(slices)
        other = TafimNet(2).eval()
        other.load_state_dict({**net.state_dict(), "perturbation": 1 - net.perturbation})
        assert not torch.allclose(before, other(slices), atol=1e-4)


def test_what_is_added_stays_within_the_range_of_a_ct() -> None:
    slices = torch.tensor([-1.0, 0.0, 0.9, 1.2])
    torch.testing.assert_close(
        added_hu(slices, torch.tensor([-0.5, 0.5, 0.5, 0.5])),
        torch.tensor([0.0, 0.5, 0.1, 0.0]) * UNIT_HU,
    )
    assert UNIT == (-1024, 3071)
