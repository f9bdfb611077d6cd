"""Histogram equalisation as CT-GAN does it: a table from HU to cumulative counts, and back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

BINS = 10_000


_CELLS = 1 << 16
"""Cells of even width in which `Interpolation` looks up where to search."""


class Interpolation:
    """Piecewise linear interpolation, ends held: `numpy.interp`, differentiable in ``x``.

    Prepared for many calls: most values are found by one look into a table of even cells, and few
    have to be searched for.

    Args:
        xp: ``[n]``, must not decrease; where it is flat, the last of the equal points counts.
        fp: ``[n]``.
    """

    def __init__(self, xp: Tensor, fp: Tensor) -> None:
        width = xp.diff()
        slope = fp.diff() / width.clamp_min(torch.finfo(xp.dtype).tiny)
        slope = torch.where(width > 0, slope, 0)
        flat, ends = xp.new_zeros(1), xp.new_tensor([-torch.inf, torch.inf])
        # By the number of points at or below a value: the line that it lies on, and its limits.
        self._slope = torch.cat((flat, slope, flat))
        self._x0, self._f0 = (torch.cat((points[:1], points)) for points in (xp, fp))
        self._from, self._to = torch.cat((ends[:1], xp)), torch.cat((xp, ends[1:]))
        self._xp, self._first, self._last = xp, xp[0], xp[-1]
        self._cells_per_x = _CELLS / (xp[-1] - xp[0]).clamp_min(torch.finfo(xp.dtype).tiny)
        edges = xp[0] + torch.arange(_CELLS, device=xp.device) / self._cells_per_x
        self._before = torch.searchsorted(xp, edges.to(xp), right=True, out_int32=True)

    def __call__(self, x: Tensor) -> Tensor:
        """Of ``x`` of any shape, in the precision of the points."""
        value: Tensor = _Interpolate.apply(x, self)  # type: ignore[no-untyped-call]
        return value

    def at(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Value and slope at ``x``."""
        flat = x.flatten()
        count = self._count(flat)
        slope = self._slope.index_select(0, count)
        value = flat.clamp(self._first, self._last)
        value -= self._x0.index_select(0, count)
        value *= slope
        value += self._f0.index_select(0, count)
        return value.view(x.shape), slope.view(x.shape)

    def _count(self, x: Tensor) -> Tensor:
        """How many points are at or below each of ``[m]``: `torch.searchsorted` from the right."""
        cell = (x - self._first).mul_(self._cells_per_x).clamp_(0, _CELLS - 1).nan_to_num_(0)
        count = self._before.index_select(0, cell.int())  # 32 bits: made and looked up sooner
        count += self._to.index_select(0, count) <= x
        inside = self._from.index_select(0, count) <= x
        inside &= self._to.index_select(0, count) > x
        rest = torch.nonzero(~inside)[:, 0]  # several points in one cell, or rounding at its edge
        if len(rest):
            count[rest] = torch.searchsorted(self._xp, x[rest], right=True, out_int32=True)
        return count


class _Interpolate(torch.autograd.Function):
    """`Interpolation.at` keeps one array for its gradient, where the steps would keep a dozen."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, points: Interpolation) -> Tensor:
        value, slope = points.at(x)
        ctx.save_for_backward(slope)
        return value

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (gradient,), (slope,) = gradients, ctx.saved_tensors
        return gradient * slope, None


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
    _prepared: dict[tuple[bool, torch.dtype, torch.device], Interpolation] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def normalize(self, hu: Tensor) -> Tensor:
        """HU to the generator's unit range: equalised, mean taken away, divided by the range."""
        equalized = self._interpolated(hu, to_counts=True)
        return ((equalized - self.mean) / (self.high - self.low)).to(hu.dtype)

    def denormalize(self, unit: Tensor) -> Tensor:
        """The generator's unit range back to HU."""
        wide = unit.to(torch.promote_types(unit.dtype, self.cdf.dtype))
        counts = wide * (self.high - self.low) + self.mean
        return self._interpolated(counts, to_counts=False).to(unit.dtype)

    def _interpolated(self, x: Tensor, *, to_counts: bool) -> Tensor:
        """In the finer precision of the two, where ``x`` lies: a network in training is on its
        device before its table is.

        A published table of float64 has long stretches that are almost flat, where a rounding of
        its counts to float32 is dozens of HU on the way back.
        """
        dtype = torch.promote_types(x.dtype, self.cdf.dtype)
        if (to_counts, dtype, x.device) not in self._prepared:
            bins, cdf = self.bins.to(x.device, dtype), self.cdf.to(x.device, dtype)
            points = (bins, cdf) if to_counts else (cdf, bins)
            self._prepared[to_counts, dtype, x.device] = Interpolation(*points)
        return self._prepared[to_counts, dtype, x.device](x.to(dtype))

    @classmethod
    def fit(cls, cubes: Iterable[Tensor]) -> Equalization:
        """One histogram over all ``cubes`` (each in HU, any shape, all of one size)."""
        parts = [cube.flatten().double() for cube in cubes]
        values = torch.cat(parts)
        low, high = float(values.min()), float(values.max())
        counts = torch.histc(values, BINS, low, high)
        edges = torch.linspace(low, high, BINS + 1, dtype=torch.float64)
        bins = (edges[1:] + edges[:-1]) / 2
        cdf = counts.cumsum(0) / len(parts)
        equalized = Interpolation(bins, cdf)(values)
        return cls(
            bins.float(),
            cdf.float(),
            float(equalized.mean()),
            float(equalized.min()),
            float(equalized.max()),
        )
