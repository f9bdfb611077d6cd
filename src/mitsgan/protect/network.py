"""The networks of MITS-GAN (Pasqualino et al. 2024), made bounded, three-dimensional and fast.

The published generator repaints a slice at full resolution. This one works on 4 x 4 pixels at
once (space to depth), sees neighbouring slices, and gives a residual without low frequencies
that the caller bounds: an offset of the surroundings shifts any inpainter and is worth little.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mitsgan.networks.convolution import Conv3d
from mitsgan.protect.patches import HALO, PATCH, Spacing, local_mean, scales
from mitsgan.protect.wave import wave_basis

_FIRST_AMPLITUDE = 1.5
"""Of the first wave before training: its tanh is most of the budget."""

_NOISE_CHANNELS = 2


class NoiseNet(nn.Module):
    """Shapes Gaussian noise pixel by pixel: five 1 x 1 convolutions, as published.

    ``[b, 1, z, y, x]`` to ``[b, 2, z, y, x]``.
    """

    def __init__(self) -> None:
        super().__init__()
        widths = (1, 2, 4, 4, 2, _NOISE_CHANNELS)
        self.layers = nn.ModuleList(nn.Conv3d(a, b, 1) for a, b in pairwise(widths))

    def forward(self, noise: Tensor) -> Tensor:
        for layer in self.layers[:-1]:
            noise = F.leaky_relu(layer(noise), 0.2)
        return cast(Tensor, self.layers[-1](noise))


class PerturbationGenerator(nn.Module):
    """Scan and noise to an unbounded residual without low frequencies.

    Args:
        width: channels at a quarter and an eighth of the in-plane resolution.
        reach: further layers at an eighth of it, in plane, each of which sees twice as far as the
            one before: 16, 32, 64 ... pixels to every side.
        waves: cycles per mm, of plane waves along rows and columns whose amplitudes and phases it
            chooses patch by patch. By itself it knows no phase beyond a patch. It begins as the
            first of them, from front to back.
    """

    def __init__(
        self, width: tuple[int, int] = (32, 48), reach: int = 0, waves: Sequence[float] = ()
    ) -> None:
        super().__init__()
        a, b = width
        self.width, self.reach, self.waves = width, reach, tuple(waves)
        flat, half, deep = (1, 3, 3), (1, 2, 2), (0, 1, 1)
        inputs = 2 * PATCH**2 + _NOISE_CHANNELS + 2
        self.noise = NoiseNet()
        self.stem = Conv3d(inputs, a, flat, padding=deep)
        self.side = Conv3d(a, a, flat, padding=deep)
        self.down = Conv3d(a, b, half, stride=half)
        self.deep1 = Conv3d(b, b, 3, padding=deep)
        self.deep2 = Conv3d(b, b, 3, padding=deep)
        self.far = nn.ModuleList(
            Conv3d(b, b, flat, padding=(0, 2**n, 2**n), dilation=(1, 2**n, 2**n))
            for n in range(1, reach + 1)
        )
        self.up = nn.ConvTranspose3d(b, a, half, stride=half)
        self.merge = Conv3d(a, a, flat, padding=deep)
        self.head = Conv3d(a, PATCH**2, flat, padding=deep)
        if self.waves:
            self.amplitudes = Conv3d(a, 4 * len(self.waves), flat, padding=deep)
            with torch.no_grad():
                self.amplitudes.weight.zero_()
                self.amplitudes.bias.zero_()  # type: ignore[union-attr]
                self.amplitudes.bias[0] = _FIRST_AMPLITUDE  # type: ignore[index]

    def forward(
        self,
        hu: Tensor,
        noise: Tensor,
        spacing: Spacing,
        phase: tuple[float, float] = (0.0, 0.0),
    ) -> Tensor:
        """One slab.

        Args:
            hu: ``[z + 2 HALO, y, x]``, y and x multiples of `TILE`.
            noise: ``[z + 2 HALO, y / PATCH, x / PATCH]``, standard normal.
            spacing: mm ``[z, y, x]``.
            phase: of the waves along rows and columns at the slab's first pixel, in mm.

        Returns:
            ``[z, y, x]``, float32; zero mean over about 9 mm in plane, but for the waves.
        """
        x = _relu(self.stem(self._inputs(hu, noise, spacing)))
        x = _relu(self.side(x)) + x
        deep = _relu(self.down(x))
        deep = _relu(self.deep2(_relu(self.deep1(deep))) + deep[:, :, HALO:-HALO])
        for layer in self.far:
            deep = deep + _relu(layer(deep))
        x = x[:, :, HALO:-HALO] + self.up(deep)
        x = _relu(self.merge(_relu(x)))
        residual = self.head(x)[0].movedim(0, -1).float()
        kernel = local_mean(spacing)
        mean = F.avg_pool2d(
            residual.mean(-1)[:, None],
            kernel,
            stride=1,
            padding=[k // 2 for k in kernel],
            count_include_pad=False,
        )
        residual = residual - mean.movedim(1, -1)
        if self.waves:
            amplitudes = self.amplitudes(x)[0].movedim(0, -1).float()
            residual = residual + self._waves(amplitudes, spacing, phase)
        return from_patches(residual)

    def _waves(self, amplitudes: Tensor, spacing: Spacing, phase: tuple[float, float]) -> Tensor:
        """The waves of every patch, ``[z, y / PATCH, x / PATCH, PATCH**2]``."""
        along_y, along_x = amplitudes.chunk(2, -1)
        z, rows, columns, _ = amplitudes.shape
        y, x = (
            torch.from_numpy(wave_basis(self.waves, count, mm, first)).to(amplitudes)
            for count, mm, first in zip((rows, columns), spacing[1:], phase, strict=True)
        )
        by_row = torch.einsum("zijk,ikr->zijr", along_y, y)[..., :, None]
        by_column = torch.einsum("zijk,jkc->zijc", along_x, x)[..., None, :]
        return (by_row + by_column).reshape(z, rows, columns, PATCH**2)

    def _inputs(self, hu: Tensor, noise: Tensor, spacing: Spacing) -> Tensor:
        """``[1, channels, z, y / PATCH, x / PATCH]``, made channels last from the start."""
        weight, pixels = self.stem.weight, PATCH**2
        inputs = torch.empty(
            (*noise.shape, weight.shape[1]), dtype=weight.dtype, device=weight.device
        )
        for z, slice_hu in enumerate(hu):  # slice by slice: it stays in the cache
            lung = slice_hu.add(850).div_(150).clamp_(-1.5, 3)
            tissue = slice_hu.div(500).clamp_(-2, 2)
            inputs[z, ..., :pixels] = to_patches(lung.to(weight.dtype)[None])[0]
            inputs[z, ..., pixels : 2 * pixels] = to_patches(tissue.to(weight.dtype)[None])[0]
        shaped = self.noise(noise[None, None].to(weight.dtype))[0].movedim(0, -1)
        inputs[..., 2 * pixels : 2 * pixels + _NOISE_CHANNELS] = shaped
        for channel, scale in enumerate(scales(spacing), 2 * pixels + _NOISE_CHANNELS):
            inputs[..., channel] = scale
        return inputs.movedim(-1, 0)[None]


def to_patches(slices: Tensor) -> Tensor:
    """``[z, y, x]`` to ``[z, y / PATCH, x / PATCH, PATCH**2]``: space to depth."""
    z, y, x = slices.shape
    side = (y // PATCH, x // PATCH)
    return _exchanged(slices.reshape(z, side[0], PATCH, side[1], PATCH)).view(z, *side, PATCH**2)


def from_patches(patches: Tensor) -> Tensor:
    """The inverse of `to_patches`."""
    z, y, x, _ = patches.shape
    return _exchanged(patches.reshape(z, y, x, PATCH, PATCH)).view(z, y * PATCH, x * PATCH)


def _exchanged(pixels: Tensor) -> Tensor:
    """The second and the third axis exchanged, in memory.

    Where no gradient is wanted, the pixels of the last axis move as one long element: that takes
    a tenth of the time.
    """
    wide = {2: torch.int64, 4: torch.complex128}.get(pixels.element_size())
    if wide is None or (pixels.requires_grad and torch.is_grad_enabled()):
        return pixels.transpose(2, 3).contiguous()
    return pixels.contiguous().view(wide).transpose(2, 3).contiguous().view(pixels.dtype)


class SliceDiscriminator(nn.Module):
    """Tells protected slices from original ones: ``[n, 1, y, x]`` in HU to patch logits."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        w = width
        self.layers = nn.Sequential(
            nn.Conv2d(1, w, 4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(w, 2 * w, 4, stride=2, padding=1),
            nn.BatchNorm2d(2 * w),
            nn.LeakyReLU(0.2),
            nn.Conv2d(2 * w, 4 * w, 4, stride=2, padding=1),
            nn.BatchNorm2d(4 * w),
            nn.LeakyReLU(0.2),
            nn.Conv2d(4 * w, 1, 3, padding=1),
        )

    def forward(self, hu: Tensor) -> Tensor:
        return cast(Tensor, self.layers(((hu + 850) / 150).clamp(-1.5, 3)))


def _relu(x: Tensor) -> Tensor:
    return F.leaky_relu_(x, 0.2)
