"""Synthetic lung nodules, put into real lung: solid or part-solid, smooth, lobed or spiculated."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

SMALLEST_MM, LARGEST_MM = 8.0, 16.0
_SPICULES = 7


def add_nodules(cubes: Tensor, generator: torch.Generator) -> Tensor:
    """Put one nodule near the centre of each cube.

    Args:
        cubes: ``[b, n, n, n]`` in HU at 1 mm.
        generator: decides size, shape, density and place.

    Returns:
        The same shape; where the nodule is, nothing becomes darker.
    """
    return torch.stack([_with_nodule(cube, generator) for cube in cubes])


def _with_nodule(cube: Tensor, generator: torch.Generator) -> Tensor:
    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(shape, generator=generator)

    side = cube.shape[-1]
    axis = torch.arange(side, dtype=torch.float32) - (side - 1) / 2
    offset = uniform(-1.5, 1.5, 3)
    grid = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), -1) - offset
    distance = grid.norm(dim=-1)
    direction = grid / distance.clamp_min(1e-3)[..., None]
    radius = float(uniform(SMALLEST_MM, LARGEST_MM)) / 2
    stretch = uniform(0.8, 1.2, 3)
    reach = radius * (direction * stretch).norm(dim=-1)
    for _ in range(4):  # lobes: low-order bumps on the sphere
        pole = F.normalize(torch.randn(3, generator=generator), dim=0)
        reach = reach + radius * float(uniform(-0.12, 0.12)) * torch.cos(3 * direction @ pole)
    if float(uniform(0, 1)) < 0.4:
        for _ in range(_SPICULES):
            pole = F.normalize(torch.randn(3, generator=generator), dim=0)
            cone = torch.exp(((direction @ pole) - 1) / 0.015)
            reach = reach + cone * float(uniform(1.5, 4.0))
    edge = float(uniform(0.5, 0.9))
    inside = torch.sigmoid((reach - distance) / edge)
    noise = _texture(side, generator) * float(uniform(10, 25))
    density = float(uniform(-40, 60))
    if float(uniform(0, 1)) < 0.2:  # part-solid: a halo of ground glass around a solid core
        core = torch.sigmoid((reach * float(uniform(0.4, 0.7)) - distance) / edge)
        filling = core * density + (1 - core) * float(uniform(-650, -450))
    else:
        filling = torch.full_like(distance, density)
    return torch.maximum(cube, cube * (1 - inside) + (filling + noise) * inside)


def _texture(side: int, generator: torch.Generator) -> Tensor:
    """Unit noise with the short correlation of a CT kernel."""
    noise = torch.randn(1, 1, side + 2, side + 2, side + 2, generator=generator)
    noise = F.avg_pool3d(noise, 3, stride=1)[0, 0]
    return noise / noise.std()
