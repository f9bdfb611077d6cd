"""Synthetic nodules of a chosen kind and size: how much of the air they fill, voxel by voxel.

Lung is air with a little tissue in it. A nodule takes the place of the air and leaves the tissue:
a solid one all of it, ground glass a third, so that vessels are seen through it. The kinds are
those of the Fleischner Society's recommendations (Radiology 284:228-243, 2017).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, pi
from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn import functional as F

NoduleKind = Literal["solid", "part-solid", "ground-glass", "spiculated"]
KINDS: tuple[NoduleKind, ...] = get_args(NoduleKind)
SMALLEST_MM, LARGEST_MM = 3.0, 30.0
"""Below it is a micronodule, above it a mass."""

_DIRECTIONS = 500
_BUMPS = 10


@dataclass(frozen=True)
class SyntheticNodule:
    """One nodule on a grid of voxels.

    Attributes:
        kind: what it is made of.
        diameter_mm: of the sphere of equal volume, spicules left out.
        cover: ``[z, y, x]``, 0 to 1, how much of each voxel lies in it.
        filled: ``[z, y, x]``, 0 to 1, how much of the air in each voxel it fills.
        density: ``[z, y, x]`` in HU, of what it fills the air with.
    """

    kind: NoduleKind
    diameter_mm: float
    cover: Tensor
    filled: Tensor
    density: Tensor

    @property
    def mask(self) -> Tensor:
        """``[z, y, x]``, the voxels of which at least half lies in the nodule."""
        return self.cover >= 0.5

    def put_into(self, hu: Tensor) -> Tensor:
        """The voxels ``[z, y, x]`` in HU with the nodule in them; none becomes darker."""
        return torch.maximum(hu, hu + self.filled * (self.density - hu))


def reach_mm(diameter_mm: float) -> float:
    """How far from its centre anything of a nodule may lie, its spicules included."""
    return 1.1 * diameter_mm + 4


def nodule(
    side: int | Sequence[int],
    kind: NoduleKind,
    diameter_mm: float,
    generator: torch.Generator,
    *,
    spacing: Sequence[float] = (1.0, 1.0, 1.0),
    offset_mm: Sequence[float] = (0.0, 0.0, 0.0),
) -> SyntheticNodule:
    """Make a nodule in the middle of a block of voxels.

    Args:
        side: voxels of the block, one number or ``[z, y, x]``.
        kind: one of `KINDS`.
        diameter_mm: 3 to 30.
        generator: decides shape, density and texture.
        spacing: mm ``[z, y, x]``; voxels longer than 1 mm hold the mean over their length.
        offset_mm: of its centre from that of the block, ``[z, y, x]``.

    Raises:
        ValueError: no such kind, or a diameter that no nodule has.
    """
    if kind not in KINDS:
        raise ValueError(f"no nodule kind {kind!r}; there are {', '.join(KINDS)}")
    if not SMALLEST_MM <= diameter_mm <= LARGEST_MM:
        raise ValueError(
            f"a nodule has a diameter of {SMALLEST_MM:g} to {LARGEST_MM:g} mm, "
            f"found {diameter_mm:g} mm"
        )
    sides = (side,) * 3 if isinstance(side, int) else tuple(side)
    finer = [max(1, ceil(s - 0.25)) for s in spacing]
    grid = _grid(sides, finer, spacing) - torch.tensor(tuple(offset_mm), dtype=torch.float32)
    cover, filled = _anatomy(grid, kind, diameter_mm, generator)
    cover, filled = (_coarser(values, finer) for values in (cover, filled))
    sigma = _uniform(generator, 10, 25)
    density = _uniform(generator, -20, 60) + texture(sides, generator) * sigma
    return SyntheticNodule(kind, diameter_mm, cover, filled, density)


def texture(sides: Sequence[int], generator: torch.Generator) -> Tensor:
    """Unit noise with the short correlation of a CT kernel."""
    noise = torch.randn(1, 1, *(n + 2 for n in sides), generator=generator)
    noise = F.avg_pool3d(noise, 3, stride=1)[0, 0]
    return noise / noise.std()


def _anatomy(
    grid: Tensor, kind: NoduleKind, diameter_mm: float, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Cover and filling on the fine grid, its points in mm from the centre."""

    def uniform(low: float, high: float) -> float:
        return _uniform(generator, low, high)

    radius = diameter_mm / 2
    distance = grid.norm(dim=-1)
    direction = grid / distance.clamp_min(1e-3)[..., None]
    rough = {"solid": 0.14, "spiculated": 0.28}.get(kind, 0.2)
    reach = _Surface(generator, rough).reach(direction) * radius
    edge = uniform(0.7, 1.2) if kind in ("ground-glass", "part-solid") else uniform(0.4, 0.7)
    cover = torch.sigmoid((reach - distance) / edge)
    if kind == "spiculated":
        cover = torch.maximum(cover, _spicules(grid, radius, generator))
    if kind in ("solid", "spiculated"):
        return cover, cover
    glass = (uniform(0.28, 0.42) + 0.05 * _clouds(distance.shape, generator)).clamp(0.12, 0.6)
    filled = cover * glass
    if kind == "part-solid":
        shift = torch.randn(3, generator=generator)
        shift = shift / shift.norm() * radius * uniform(0.0, 0.25)
        away = (grid - shift).norm(dim=-1)
        towards = (grid - shift) / away.clamp_min(1e-3)[..., None]
        core = _Surface(generator, 0.25).reach(towards) * radius * uniform(0.4, 0.6)
        solid = torch.sigmoid((core - away) / uniform(0.4, 0.8))
        filled = torch.maximum(filled, cover * solid)
    return cover, filled


class _Surface:
    """A stretched sphere with bumps and dents, of the volume of the unit sphere."""

    def __init__(self, generator: torch.Generator, rough: float) -> None:
        self.stretch = 0.85 + 0.3 * torch.rand(3, generator=generator)
        self.poles = F.normalize(torch.randn(_BUMPS, 3, generator=generator), dim=1)
        self.heights = rough * (2.4 * torch.rand(_BUMPS, generator=generator) - 1)
        self.widths = 0.05 + 0.2 * torch.rand(_BUMPS, generator=generator)
        self.scale = 1.0
        self.scale = float(self.reach(_sphere()).pow(3).mean().pow(-1 / 3))

    def reach(self, direction: Tensor) -> Tensor:
        """How far it reaches along unit vectors ``[..., 3]``."""
        reach: Tensor = 1 / (direction / self.stretch).norm(dim=-1)
        for pole, height, width in zip(self.poles, self.heights, self.widths, strict=True):
            reach = reach + height * torch.exp((direction @ pole - 1) / width)
        return reach * self.scale


def _spicules(grid: Tensor, radius: float, generator: torch.Generator) -> Tensor:
    """Thin, slightly bent strands that leave the surface and taper."""
    cover = torch.zeros(grid.shape[:-1])
    for _ in range(round(_uniform(generator, 10, 18) + 3.5 * radius)):
        along, bend = F.normalize(torch.randn(2, 3, generator=generator), dim=1)
        tip = radius * _uniform(generator, 1.4, 1.9) + _uniform(generator, 0.5, 2.5)
        width = _uniform(generator, 0.7, 1.15)
        t = grid @ along
        part = (t / tip).clamp(0, 1)
        line = t[..., None] * along + (part**2)[..., None] * bend * (0.25 * radius)
        aside = (grid - line).norm(dim=-1)
        strand = torch.sigmoid((width * (1.3 - part) - aside) / 0.25)
        strand = strand * torch.sigmoid((tip - t) / 0.5) * (t > 0)
        cover = torch.maximum(cover, strand)
    return cover


def _clouds(shape: Sequence[int], generator: torch.Generator) -> Tensor:
    """Smooth variation of unit spread over the whole block."""
    coarse = torch.randn(1, 1, 6, 6, 6, generator=generator)
    return F.interpolate(coarse, tuple(shape), mode="trilinear", align_corners=True)[0, 0]


def _sphere() -> Tensor:
    """Evenly spread unit vectors ``[n, 3]``, on a spiral."""
    number = torch.arange(_DIRECTIONS) + 0.5
    z = 1 - 2 * number / _DIRECTIONS
    angle = number * pi * (3 - 5**0.5)
    ring = (1 - z**2).sqrt()
    return torch.stack([z, ring * angle.sin(), ring * angle.cos()], -1)


def _grid(sides: Sequence[int], finer: Sequence[int], spacing: Sequence[float]) -> Tensor:
    """``[z, y, x, 3]``: points in mm from the middle of the block, ``finer`` a voxel and axis."""
    axes = [
        (torch.arange(n * k, dtype=torch.float32) - (n * k - 1) / 2) * (s / k)
        for n, k, s in zip(sides, finer, spacing, strict=True)
    ]
    return torch.stack(torch.meshgrid(*axes, indexing="ij"), -1)


def _coarser(values: Tensor, finer: Sequence[int]) -> Tensor:
    if max(finer) == 1:
        return values
    return F.avg_pool3d(values[None, None], tuple(finer))[0, 0]


def _uniform(generator: torch.Generator, low: float, high: float) -> float:
    return low + (high - low) * float(torch.rand((), generator=generator))
