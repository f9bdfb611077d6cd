"""Histogram equalisation as CT-GAN does it: a table from HU to cumulative counts, and back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

BINS = 10_000


def interp(x: Tensor, xp: Tensor, fp: Tensor) -> Tensor:
    """Piecewise linear interpolation, ends held: `numpy.interp`, differentiable in ``x``.

    ``xp`` must not decrease; where it is flat, the last of the equal points counts.
    """
    right = _right(x.detach(), xp).clamp(1, len(xp) - 1)
    left = right - 1
    x0, x1, f0, f1 = xp[left], xp[right], fp[left], fp[right]
    width = x1 - x0
    slope = torch.where(width > 0, (f1 - f0) / width.clamp_min(torch.finfo(x.dtype).tiny), 0)
    return torch.where(x >= xp[-1], fp[-1], f0 + slope * (x.clamp(xp[0], xp[-1]) - x0))


def _right(x: Tensor, xp: Tensor) -> Tensor:
    """`torch.searchsorted` from the right; without a search where ``xp`` is evenly spaced."""
    if len(xp) < 3 or not _is_even(xp):
        return torch.searchsorted(xp, x.contiguous(), right=True)
    step = (xp[-1] - xp[0]) / (len(xp) - 1)
    guess = ((x - xp[0]) / step).clamp(0, len(xp) - 2).long()  # off by one at most
    guess += (xp[guess + 1] <= x).long() - (xp[guess] > x).long()
    return guess + 1


def _is_even(xp: Tensor) -> bool:
    """Whether every point lies well within half a step of where even spacing would have it."""
    step = (xp[-1] - xp[0]) / (len(xp) - 1)
    even = xp[0] + step * torch.arange(len(xp), device=xp.device)
    return bool((step > 0) & ((xp - even).abs().max() < 0.25 * step))


@dataclass(frozen=True)
class Equalization:
    """The table of one attacker and the range of what it yields.

    Attributes:
        bins: ``[n]`` bin centres in HU, ascending.
        cdf: ``[n]`` cumulative counts per cube, never descending.
        mean, low, high: statistics of equalised training cubes, for normalisation.
    """

    bins: Tensor
    cdf: Tensor
    mean: float
    low: float
    high: float

    def normalize(self, hu: Tensor) -> Tensor:
        """HU to the generator's unit range: equalised, mean taken away, divided by the range."""
        equalized = self._interp(hu, self.bins, self.cdf)
        return ((equalized - self.mean) / (self.high - self.low)).to(hu.dtype)

    def denormalize(self, unit: Tensor) -> Tensor:
        """The generator's unit range back to HU."""
        wide = unit.to(torch.promote_types(unit.dtype, self.cdf.dtype))
        counts = wide * (self.high - self.low) + self.mean
        return self._interp(counts, self.cdf, self.bins).to(unit.dtype)

    def _interp(self, x: Tensor, xp: Tensor, fp: Tensor) -> Tensor:
        """In the finer precision of the two.

        A published table of float64 has long stretches that are almost flat, where a rounding of
        its counts to float32 is dozens of HU on the way back.
        """
        dtype = torch.promote_types(x.dtype, xp.dtype)
        return interp(x.to(dtype), xp.to(x.device, dtype), fp.to(x.device, dtype))

    @classmethod
    def fit(cls, cubes: Iterable[Tensor]) -> Equalization:
        """One histogram over all ``cubes`` (each in HU, any shape, all of one size)."""
        held = [cube.flatten().double() for cube in cubes]
        values = torch.cat(held)
        low, high = float(values.min()), float(values.max())
        counts = torch.histc(values, BINS, low, high)
        edges = torch.linspace(low, high, BINS + 1, dtype=torch.float64)
        bins = (edges[1:] + edges[:-1]) / 2
        cdf = counts.cumsum(0) / len(held)
        equalized = interp(values, bins, cdf)
        return cls(
            bins.float(),
            cdf.float(),
            float(equalized.mean()),
            float(equalized.min()),
            float(equalized.max()),
        )
