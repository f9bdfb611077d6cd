from typing import Any

import pytest
import torch
from torch import nn

from mitsgan.networks.convolution import Conv3d


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


@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("grad", [True, False])
def test_one_small_cube_comes_out_as_of_torch(grad: bool, dilation: int) -> None:
    torch.manual_seed(0)
    layer = Conv3d(8, 6, 3, padding=dilation, dilation=dilation)
    plain = nn.Conv3d(8, 6, 3, padding=dilation, dilation=dilation)
    plain.load_state_dict(layer.state_dict())
    cube = torch.randn(1, 8, 12, 12, 12)
    with torch.set_grad_enabled(grad):
        torch.testing.assert_close(layer(cube), plain(cube), rtol=1e-5, atol=1e-5)
