from __future__ import annotations

import torch

from mitsgan.attack import Generator
from mitsgan.networks.memory_format import channels_last


def test_the_layout_of_kernels_changes_and_their_result_does_not() -> None:
    torch.manual_seed(0)
    generator = Generator(2).double().eval()
    cube = torch.rand((2, 1, 32, 32, 32), dtype=torch.float64)
    with torch.no_grad():
        before = generator(cube)
        laid = channels_last(generator)
        assert laid is generator
        torch.testing.assert_close(laid(cube), before, rtol=0, atol=1e-10)
    kernel = laid.get_parameter("down.1.convolution.weight")
    assert kernel.is_contiguous(memory_format=torch.channels_last_3d)
