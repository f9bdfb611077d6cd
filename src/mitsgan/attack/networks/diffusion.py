"""A diffusion model as an inpainter: it draws the core out of noise, step by step, given the shell.

Trained to predict v (Salimans and Ho 2022, arXiv 2202.00512) on a cosine schedule (Nichol and
Dhariwal 2021, arXiv 2102.09672), conditioned on the cube with its core zeroed, and sampled with the
deterministic steps of DDIM (Song et al. 2021, arXiv 2010.02502). What it draws depends on the
noise it begins with as well: the same seed and shell give the same core.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from mitsgan.attack.networks.attention import Attention, group_norm
from mitsgan.attack.networks.ctgan import CORE, SIDE
from mitsgan.networks.convolution import Conv3d

DDIM_STEPS = 12
"""Evaluations of the network for one cube."""

_PATCH = 2
_TIME = 64
_LARGEST_TIME = 0.98  # of 1: there the cube is noise but for 3 % of its spread
_SCALE = 2.0  # the unit range -0.5 to 0.5 of the cubes, as the network wants it


class DiffusionInpainter(nn.Module):
    """Inpaints the zeroed core of a cube, like `mitsgan.attack.networks.ctgan.Generator`.

    ``[batch, 1, 32, 32, 32]`` in the unit range, core zeroed, to the same shape, core painted.

    Args:
        width: channels at half of the resolution, a multiple of 4; twice as many at a quarter,
            three times as many at an eighth.
    """

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        if width < 4 or width % 4:
            raise ValueError(f"the width must be a multiple of 4, found {width}")
        fine, middle, coarse = width, 2 * width, 3 * width
        pixels = _PATCH**3
        self.width = width
        core = torch.zeros(1, 1, SIDE, SIDE, SIDE)
        core[..., CORE, CORE, CORE] = 1
        self.register_buffer("core", core, persistent=False)
        self.time = nn.Sequential(nn.Linear(_TIME, _TIME), nn.SiLU(), nn.Linear(_TIME, _TIME))
        self.stem = Conv3d(2 * pixels + 1, fine, 3, padding=1)
        self.fine_in = _Residual(fine)
        self.down_middle = Conv3d(fine, middle, 2, stride=2)
        self.middle_in = _Residual(middle)
        self.down_coarse = Conv3d(middle, coarse, 2, stride=2)
        self.coarse_in = _Residual(coarse)
        self.attention = Attention(coarse, SIDE // 8)
        self.coarse_out = _Residual(coarse)
        self.join_middle = Conv3d(coarse + middle, middle, 1)
        self.middle_out = _Residual(middle)
        self.join_fine = Conv3d(middle + fine, fine, 1)
        self.fine_out = _Residual(fine)
        self.last = nn.Sequential(group_norm(fine), nn.SiLU(), Conv3d(fine, pixels, 3, padding=1))
        for parameter in self.last[-1].parameters():  # begins with the mean of all v, zero
            nn.init.zeros_(parameter)

    def forward(self, condition: Tensor, seeds: Sequence[int] | None = None) -> Tensor:
        """Draw the cores.

        Args:
            condition: ``[b, 1, 32, 32, 32]`` in the unit range, core zeroed.
            seeds: one a cube, of the noise that its core begins as; 0 for all by default.

        Returns:
            The cubes with their cores painted. The shell is handed through.
        """
        core = cast(Tensor, self.core).to(condition)
        noise = torch.stack([_noise(seed) for seed in seeds or [0] * len(condition)])
        drawn = noise.to(condition) * core
        times = torch.linspace(_LARGEST_TIME, 0, DDIM_STEPS + 1).tolist()
        for now, then in pairwise(times):
            if condition.requires_grad and torch.is_grad_enabled():
                drawn = cast(
                    Tensor,
                    checkpoint(self._ddim, drawn, condition, now, then, use_reentrant=False),
                )
            else:
                drawn = self._ddim(drawn, condition, now, then)
        return torch.where(core > 0, drawn / _SCALE, condition)

    def velocity(self, noisy: Tensor, condition: Tensor, time: Tensor) -> Tensor:
        """The network: from the noisy core to v = signal * noise - spread * core.

        Args:
            noisy: ``[b, 1, 32, 32, 32]``, zero in the shell.
            condition: see `forward`.
            time: ``[b]``, 0 (the core itself) to 1 (noise alone).

        Returns:
            ``[b, 1, 32, 32, 32]``; what it says of the shell means nothing.
        """
        where = _to_patches(cast(Tensor, self.core).to(noisy))[:, :1]
        shown = (
            _to_patches(noisy),
            _to_patches(_SCALE * condition),
            where.expand(len(noisy), -1, -1, -1, -1),
        )
        when = self.time(_wavelengths(time).to(noisy))
        fine = self.fine_in(self.stem(torch.cat(shown, 1)), when)
        middle = self.middle_in(self.down_middle(fine), when)
        coarse = self.coarse_in(self.down_coarse(middle), when)
        coarse = self.coarse_out(self.attention(coarse), when)
        middle = self.join_middle(torch.cat((_double(coarse), middle), 1))
        middle = self.middle_out(middle, when)
        fine = self.join_fine(torch.cat((_double(middle), fine), 1))
        return _from_patches(self.last(self.fine_out(fine, when)))

    def loss(self, cubes: Tensor, condition: Tensor, time: Tensor, noise: Tensor) -> Tensor:
        """Mean squared error of v in the core: what training makes small.

        Args:
            cubes, condition: ``[b, 1, 32, 32, 32]`` in the unit range, as they are and core zeroed.
            time: ``[b]``, 0 to 1.
            noise: ``[b, 1, 32, 32, 32]``, standard normal.
        """
        core = cast(Tensor, self.core).to(cubes)
        clean = _SCALE * cubes
        signal, spread = (v.view(-1, 1, 1, 1, 1) for v in _schedule(time))
        noisy = (signal * clean + spread * noise) * core
        apart = self.velocity(noisy, condition, time).float() - (signal * noise - spread * clean)
        return (apart.square() * core).sum() / (core.sum() * len(cubes))

    def _ddim(self, drawn: Tensor, condition: Tensor, now: float, then: float) -> Tensor:
        """One step from time ``now`` to ``then``."""
        core = cast(Tensor, self.core).to(drawn)
        v = self.velocity(drawn, condition, torch.full((len(drawn),), now)) * core
        signal, spread = (float(part) for part in _schedule(torch.tensor(now)))
        clean = (signal * drawn - spread * v).clamp(-_SCALE / 2, _SCALE / 2)
        noise = (drawn - signal * clean) / spread
        signal, spread = (float(part) for part in _schedule(torch.tensor(then)))
        return (signal * clean + spread * noise) * core


class _Residual(nn.Module):
    """Two 3^3 convolutions, normalised and activated before; time scales and shifts between."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList((group_norm(channels), group_norm(channels)))
        self.convolutions = nn.ModuleList(
            Conv3d(channels, channels, 3, padding=1) for _ in range(2)
        )
        self.film = nn.Linear(_TIME, 2 * channels)

    def forward(self, x: Tensor, when: Tensor) -> Tensor:
        scale, shift = self.film(when)[:, :, None, None, None].chunk(2, 1)
        y = self.convolutions[0](F.silu(self.norms[0](x)))
        y = self.norms[1](y) * (1 + scale) + shift
        return x + cast(Tensor, self.convolutions[1](F.silu(y)))


def _schedule(time: Tensor) -> tuple[Tensor, Tensor]:
    """How much of the core, and how much noise, is left at a time: a quarter of a circle."""
    return (time * (math.pi / 2)).cos(), (time * (math.pi / 2)).sin()


def _wavelengths(time: Tensor) -> Tensor:
    """``[b]`` to ``[b, 64]``: sines and cosines of wavelengths from 2 pi to a thousandth of it."""
    rates = torch.exp(torch.linspace(0, math.log(1000), _TIME // 2))
    angles = time.float()[:, None] * rates
    return torch.cat((angles.sin(), angles.cos()), 1)


def _noise(seed: int) -> Tensor:
    """``[1, 32, 32, 32]``, standard normal, the same on every device."""
    return torch.randn(1, SIDE, SIDE, SIDE, generator=torch.Generator().manual_seed(seed))


def _double(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="nearest")


def _to_patches(cubes: Tensor) -> Tensor:
    """``[b, 1, n, n, n]`` to ``[b, 8, n/2, n/2, n/2]``: space to depth."""
    b, _, n, _, _ = cubes.shape
    h = n // _PATCH
    parts = cubes.reshape(b, h, _PATCH, h, _PATCH, h, _PATCH).permute(0, 2, 4, 6, 1, 3, 5)
    return parts.reshape(b, _PATCH**3, h, h, h)


def _from_patches(patches: Tensor) -> Tensor:
    """The inverse of `_to_patches`."""
    b, _, h, _, _ = patches.shape
    parts = patches.reshape(b, _PATCH, _PATCH, _PATCH, h, h, h).permute(0, 4, 1, 5, 2, 6, 3)
    n = _PATCH * h
    return parts.reshape(b, 1, n, n, n)
