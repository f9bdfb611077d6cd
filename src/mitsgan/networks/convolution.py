"""A convolution in three dimensions that is quick on a processor, even of one small cube."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn


class Conv3d(nn.Conv3d):
    """As torch's, but without a gradient always by oneDNN on a processor.

    torch leaves inputs that it counts as small to a convolution of its own, which takes eight
    times as long for the slabs of a whole scan, and for a single cube that is attacked up to
    five times. Both sum in another order: the results are the same to rounding. In bfloat16 torch
    always takes oneDNN.
    """

    def forward(self, input: Tensor) -> Tensor:
        """See `torch.nn.Conv3d`."""
        if not self._by_onednn(input):
            return super().forward(input)
        return torch.mkldnn_convolution(
            input,
            self.weight,
            self.bias,
            cast(tuple[int, ...], self.padding),
            self.stride,
            self.dilation,
            self.groups,
        )

    def _by_onednn(self, input: Tensor) -> bool:
        plain = self.weight.dtype == input.dtype == torch.float32
        return (
            plain
            and input.device.type == self.weight.device.type == "cpu"
            and not torch.is_grad_enabled()
            and not torch.is_autocast_enabled("cpu")
            and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
        )
