"""Synthetic lung nodules, put into real lung: a mix of all, or of a chosen kind and size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from mitsgan.errors import PositionError
from mitsgan.training.data.nodule_kinds import KINDS, NoduleKind, nodule, reach_mm

SMALLEST_MM, LARGEST_MM = 8.0, 16.0
_SPICULES = 7


@dataclass(frozen=True)
class Planted:
    """Cubes with a nodule each, and what is known of it.

    Attributes:
        cubes: ``[b, n, n, n]`` in HU.
        masks: the same shape, bool: the voxels of the nodule.
        kinds: of each nodule.
        diameters_mm: of each nodule, that of the sphere of equal volume.
    """

    cubes: Tensor
    masks: Tensor
    kinds: tuple[NoduleKind, ...]
    diameters_mm: tuple[float, ...]


def add_nodule(
    cubes: Tensor,
    generator: torch.Generator,
    kinds: Sequence[NoduleKind] = KINDS,
    diameters_mm: tuple[float, float] = (6.0, 20.0),
) -> Planted:
    """Put one nodule of a known kind and size near the centre of each cube.

    Args:
        cubes: ``[b, n, n, n]`` in HU at 1 mm.
        generator: decides kind, size (uniform), shape, density and place (within 1.5 mm).
        kinds: those to choose from.
        diameters_mm: the smallest and the largest, within 3 to 30.

    Raises:
        ValueError: no kind to choose from, an unknown one, or diameters that no nodule has.
    """
    if not kinds:
        raise ValueError(f"name at least one kind of nodule: {', '.join(KINDS)}")
    low, high = diameters_mm
    pairs: list[tuple[Tensor, Tensor]] = []
    chosen: list[NoduleKind] = []
    sizes: list[float] = []
    for cube in cubes:
        chosen.append(kinds[int(torch.randint(len(kinds), (1,), generator=generator))])
        sizes.append(low + (high - low) * float(torch.rand((), generator=generator)))
        offset = (3 * torch.rand(3, generator=generator) - 1.5).tolist()
        one = nodule(cube.shape[-1], chosen[-1], sizes[-1], generator, offset_mm=offset)
        pairs.append((one.put_into(cube), one.mask))
    with_nodules, masks = (torch.stack(list(part)) for part in zip(*pairs, strict=True))
    return Planted(with_nodules, masks, tuple(chosen), tuple(sizes))


def plant_nodule(
    hu: NDArray[np.float32],
    spacing: Sequence[float],
    position: Sequence[int],
    kind: NoduleKind,
    diameter_mm: float,
    generator: torch.Generator,
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Put one nodule into a whole scan, at the scan's own spacing; in memory only.

    Args:
        hu: ``[z, y, x]``; not changed.
        spacing: mm ``[z, y, x]``. Thick slices hold the mean over their thickness.
        position: voxel ``[z, y, x]`` of its centre.
        kind, diameter_mm, generator: as in `nodule_kinds.nodule`.

    Returns:
        The scan with the nodule, and the mask of its voxels; new arrays of the same shape.

    Raises:
        PositionError: the position lies outside the scan, or the nodule would be cut off.
        ValueError: as `nodule_kinds.nodule`.
    """
    centre = tuple(int(p) for p in position)
    if not all(0 <= p < n for p, n in zip(centre, hu.shape, strict=True)):
        raise PositionError(
            f"position {centre} [z, y, x] lies outside the scan of {hu.shape} voxels; choose a "
            f"voxel of it"
        )
    half = [ceil(reach_mm(diameter_mm) / s) for s in spacing]
    near = [ceil(0.6 * diameter_mm / s) for s in spacing]
    if any(p < n or p + n >= size for p, n, size in zip(centre, near, hu.shape, strict=True)):
        raise PositionError(
            f"position {centre} [z, y, x]: a nodule of {diameter_mm:g} mm would be cut off by the "
            f"border of the scan of {hu.shape} voxels; choose a position further inside"
        )
    one = nodule([2 * h + 1 for h in half], kind, diameter_mm, generator, spacing=spacing)
    there, here = [], []
    for p, h, size in zip(centre, half, hu.shape, strict=True):
        first, last = max(0, p - h), min(size, p + h + 1)
        there.append(slice(first, last))
        here.append(slice(first - (p - h), last - (p - h)))
    planted, mask = hu.copy(), np.zeros(hu.shape, bool)
    box = (there[0], there[1], there[2])
    # Only this box is handed to torch: the scan itself is copied once.
    inside = torch.from_numpy(planted[box].copy())
    cut = (here[0], here[1], here[2])
    filled, density = one.filled[cut], one.density[cut]
    planted[box] = torch.maximum(inside, inside + filled * (density - inside)).numpy()
    mask[box] = one.mask[cut].numpy()
    return planted, mask


def add_nodules(cubes: Tensor, generator: torch.Generator) -> Tensor:
    """Put one nodule near the centre of each cube: the mix that the shipped attackers learned from.

    Mostly solid, one in five part-solid, 8 to 16 mm; for others see `add_nodule`.

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
