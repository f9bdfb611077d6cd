"""The networks of CT-GAN (Mirsky et al. 2019, section 4): a 3-D pix2pix in Keras' conventions.

'Same' padding of an even kernel pads one more on the far side (1 before, 2 after) at stride 1
and 1 on both at stride 2; batch normalisation has epsilon 1e-3, and Keras' momentum 0.8 is 0.2
here. Activations come before the normalisation, as published.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

PUBLISHED_WIDTH = 100
SIDE = 32
CORE = slice(6, 26)
"""The 20 mm core of each axis that the generator repaints without having seen it."""


def _normalization(channels: int) -> nn.BatchNorm3d:
    return nn.BatchNorm3d(channels, eps=1e-3, momentum=0.2)


class _Halving(nn.Conv3d):
    """Convolution 4^3 stride 2, whose gradient by a single input is computed another way.

    By the cube torch's own takes as long as that of all other layers together.
    """

    def forward(self, x: Tensor) -> Tensor:
        learns = self.weight.requires_grad and torch.is_grad_enabled()
        if learns or self.weight.shape[1] > 1:
            return super().forward(x)
        halved: Tensor = _Halved.apply(x, self.weight, self.bias)  # type: ignore[no-untyped-call]
        return halved


class _Halved(torch.autograd.Function):
    """`_Halving` with a gradient by its input alone.

    An input gets something from at most two outputs along an axis, other ones where it is even and
    where it is odd: one convolution 3^3 of eight times the channels does all.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.weight, ctx.dtype = weight, x.dtype
        return F.conv3d(x, weight, bias, stride=2, padding=1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (gradient,) = gradients
        kernel = _fold(ctx.weight.transpose(0, 1), _SPREAD).to(gradient.dtype)
        return _weave(F.conv3d(gradient, kernel, padding=1)).to(ctx.dtype), None, None


def _fold(weight: Tensor, taps: Tensor) -> Tensor:
    """A kernel ``[o, i, 4, 4, 4]`` as ``[8 o, i, 3, 3, 3]``: its taps for each half of a voxel."""
    taps = taps.to(weight)
    # Whoever asks first may compute in bfloat16, and what is kept serves others, too.
    with torch.autocast(weight.device.type, enabled=False):
        folded = torch.einsum("pak,qbl,rcm,oiklm->pqroiabc", taps, taps, taps, weight)
    outputs, inputs = weight.shape[:2]
    kernel = folded.reshape(8 * outputs, inputs, 3, 3, 3)
    return kernel.contiguous(memory_format=torch.channels_last_3d)


def _weave(halves: Tensor) -> Tensor:
    """What a folded kernel yields, ``[b, 8 o, z, y, x]``, as ``[b, o, 2 z, 2 y, 2 x]``."""
    z, y, x = halves.shape[2:]
    split = halves.reshape(len(halves), 2, 2, 2, -1, z, y, x)
    woven = split.permute(0, 4, 5, 1, 6, 2, 7, 3)
    return woven.reshape(len(halves), -1, 2 * z, 2 * y, 2 * x)


class _Down(nn.Module):
    """Convolution 4^3 stride 2, LeakyReLU 0.2, batch norm (but in the first)."""

    def __init__(self, inputs: int, outputs: int, *, normalize: bool = True) -> None:
        super().__init__()
        self.convolution = _Halving(inputs, outputs, 4, stride=2, padding=1)
        self.normalization = _normalization(outputs) if normalize else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.normalization(F.leaky_relu(self.convolution(x), 0.2)))


class _Same(nn.Conv3d):
    """Convolution 4^3 stride 1 with Keras' 'same' padding."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, 4)
        self._folded: tuple[tuple[int, int], Tensor] | None = None

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(F.pad(x, (1, 2) * 3))

    def doubled(self, field: Tensor) -> Tensor:
        """The same as ``self(nearest x2 of field)``, with less work where the field is large.

        Doubled neighbours are equal, so four taps along an axis fall on at most three voxels of
        the field, other ones for even and for odd outputs: one convolution 3^3 of eight times
        the channels does all, at 27 instead of 64 multiplications for each output and input.
        """
        if min(field.shape[2:]) < _LARGE:
            return cast(Tensor, self(F.interpolate(field, scale_factor=2.0, mode="nearest")))
        bias = None if self.bias is None else self.bias.repeat(8)
        return _weave(F.conv3d(field, self._kernel(), bias, padding=1))

    def _kernel(self) -> Tensor:
        """The folded kernel, kept as long as the weights stay what they are.

        Weights that learn fold anew each time, as do those of inference mode, which do not count
        their changes.
        """
        weight = self.weight
        if weight.requires_grad or weight.is_inference():
            return _fold(weight, _TAPS)
        state = (weight.data_ptr(), weight._version)
        if self._folded is None or self._folded[0] != state:
            with torch.inference_mode(False):  # what is kept may serve a gradient later
                self._folded = (state, _fold(weight, _TAPS))
        return self._folded[1]


_LARGE = 4
"""From this side on, folding the kernel costs less than it saves."""

_TAPS = torch.tensor(
    [[[1, 0, 0, 0], [0, 1, 1, 0], [0, 0, 0, 1]], [[0, 0, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1]]]
)
"""Which of the four taps (last axis) fall on the voxel before, at and behind an output's own
(second axis), for even and odd outputs (first axis)."""

_SPREAD = torch.tensor(
    [[[0, 0, 0, 1], [0, 1, 0, 0], [0, 0, 0, 0]], [[0, 0, 0, 0], [0, 0, 1, 0], [1, 0, 0, 0]]]
)
"""The same for `_Halved`: by which tap an even and an odd input came to the output before its own,
to its own, and to the one behind."""


class _Up(nn.Module):
    """Nearest x2, convolution 4^3 with ReLU, dropout, batch norm, then the skip behind it."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.convolution = _Same(inputs, outputs)
        self.dropout = nn.Dropout(0.5)
        self.normalization = _normalization(outputs)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        x = self.convolution.doubled(x)
        x = self.normalization(self.dropout(F.relu(x)))
        return torch.cat((x, skip), 1)


class Generator(nn.Module):
    """Inpaints the zeroed core of a cube.

    ``[batch, 1, 32, 32, 32]`` in the unit range, core zeroed, to the same shape in [-1, 1].

    Args:
        width: base filters; 100 as published.
    """

    def __init__(self, width: int = PUBLISHED_WIDTH) -> None:
        super().__init__()
        w = width
        self.width = width
        self.down = nn.ModuleList(
            [_Down(1, w, normalize=False)]
            + [_Down(a, b) for a, b in ((w, 2 * w), (2 * w, 4 * w), (4 * w, 8 * w), (8 * w, 8 * w))]
        )
        self.up = nn.ModuleList(
            _Up(a, b) for a, b in ((8 * w, 8 * w), (16 * w, 4 * w), (8 * w, 2 * w), (4 * w, w))
        )
        self.last = _Same(2 * w, 1)
        self.apply(_glorot)

    def forward(self, condition: Tensor) -> Tensor:
        levels = [condition]
        for down in self.down:
            levels.append(down(levels[-1]))
        x = levels[-1]
        for up, skip in zip(self.up, levels[-2:0:-1], strict=True):
            x = up(x, skip)
        return torch.tanh(self.last.doubled(x))


class Discriminator(nn.Module):
    """Scores (cube, condition) pairs: twice ``[batch, 1, 32, 32, 32]`` to ``[batch, 1, 2, 2, 2]``.

    As in the release, 0 means real and 1 means fake.
    """

    def __init__(self, width: int = PUBLISHED_WIDTH) -> None:
        super().__init__()
        w = width
        self.layers = nn.Sequential(
            _Down(2, w, normalize=False),
            _Down(w, 2 * w),
            _Down(2 * w, 4 * w),
            _Down(4 * w, 8 * w),
            _Same(8 * w, 1),
        )
        self.apply(_glorot)

    def forward(self, cube: Tensor, condition: Tensor) -> Tensor:
        return cast(Tensor, self.layers(torch.cat((cube, condition), 1)))


def _glorot(module: nn.Module) -> None:
    """Keras' default initialisation: Glorot uniform weights, zero biases."""
    if isinstance(module, nn.Conv3d):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
