"""Pieces of scans as other scanners, protocols and patients might have shown them.

Of a handful of scans the network has to learn what holds for all: kernels, dose, slice thickness,
field of view, how much air a lung holds, and the shape of anatomy vary from piece to piece.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from mitsgan.anatomy.lung import Lung
from mitsgan.attack.plan import sizes
from mitsgan.training.data.cubes import Volume, detail

_THICKEST_MM = 6.0
"""Chest CT is read in slices of up to 5 mm."""

_FIELD, _STEP = (0.82, 1.22), (0.9, 1.12)
"""By which pixels, and slices, may be larger: as if the patient were; voxels stay as they are, so
that their noise does."""

_SHARPEST, _ROUGHEST_HU = 4.0, 90.0
"""Unsharp masking goes up to this amount, or until fine detail in lung has this RMS."""

_SMOOTHEST = 0.8
"""How much of the fine detail a soft kernel takes away."""

_NOISE_HU = 25.0
_LEAST_LUNG, _MOST_LUNG = 0.75, 1.3
"""By which the density of lung above air changes with how deep somebody breathes in."""

_BENT_MM, _BEND_MM = 3.0, 25.0
"""How far anatomy is moved at most, and over what distance this changes."""

_LUNG_HU, _AIR_HU, _LUNG_EDGE_HU = -300.0, -1000.0, 200.0
_STRIDE = 2


def varied_piece(volume: Volume, side: int, deep_mm: float, rng: np.random.Generator) -> Volume:
    """A piece around a random place of the lung, changed at random; the volume stays as it is.

    Args:
        volume: with deep lung alone.
        side: voxels in plane that a crop of the piece is to have, beside what attacks on it see.
        deep_mm: the same along z.
        rng: decides all.

    Returns:
        A volume of its own spacing, with the lung that is in it.
    """
    thick = int(rng.choice(_thicknesses(volume.spacing[0])))
    field, step = rng.uniform(*_FIELD), rng.uniform(*_STEP)
    z, y, x = volume.spacing
    spacing = (z * thick * step, y * field, x * field)
    _, block = sizes(spacing)
    wanted = (round(deep_mm / spacing[0]) + 2 * block[0], side + 2 * block[1], side + 2 * block[2])
    hu, mask = _cut(volume, thick, wanted, rng)
    if rng.random() < 0.5:
        hu, mask = _bent(hu, mask, spacing, rng)
    axes = [axis for axis in range(3) if rng.random() < 0.5]
    hu, mask = hu.flip(axes), np.flip(mask, tuple(axes))
    hu = _breathed(hu, rng)
    hu = _reconstructed(hu, volume.fine_detail_hu, rng)
    hu = _dosed(hu, rng).clamp_(-1024, 3071).round_()
    strided = np.ascontiguousarray(mask[:, ::_STRIDE, ::_STRIDE])
    return Volume(hu.contiguous(), spacing, Lung(strided, (1, _STRIDE, _STRIDE)))


def _thicknesses(spacing: float) -> list[int]:
    """By how many slices may be averaged to one."""
    return [1, *(count for count in range(2, 11) if count * spacing <= _THICKEST_MM)]


def _cut(
    volume: Volume, thick: int, wanted: Sequence[int], rng: np.random.Generator
) -> tuple[Tensor, NDArray[np.bool_]]:
    """A box around a place of the lung, its slices averaged, and where the lung is in it."""
    shape = np.asarray(volume.hu.shape) // (thick, 1, 1)
    size = np.minimum(wanted, shape)
    place = volume.lung.voxels[rng.integers(len(volume.lung.voxels))] // (thick, 1, 1)
    start = np.clip(place - size // 2 + rng.integers(-4, 5, 3), 0, shape - size)
    z, y, x = (np.arange(first, first + count) for first, count in zip(start, size, strict=True))
    slices = slice(int(z[0]) * thick, (int(z[-1]) + 1) * thick)
    box = (slices, slice(int(y[0]), int(y[-1]) + 1), slice(int(x[0]), int(x[-1]) + 1))
    hu = volume.hu[box].unflatten(0, (-1, thick)).mean(1)  # type: ignore[no-untyped-call]
    coarse = [
        np.minimum(numbers // stride, length - 1)
        for numbers, stride, length in zip(
            (z * thick + thick // 2, y, x),
            volume.lung.stride,
            volume.lung.mask.shape,
            strict=True,
        )
    ]
    return hu, volume.lung.mask[np.ix_(*coarse)]


def _bent(
    hu: Tensor, mask: NDArray[np.bool_], spacing: Sequence[float], rng: np.random.Generator
) -> tuple[Tensor, NDArray[np.bool_]]:
    """Moved by a smooth field; between voxels it is interpolated, which smooths a little."""
    shape = hu.shape
    knots = [
        max(4, round(length * step / _BEND_MM) + 3)
        for length, step in zip(shape, spacing, strict=True)
    ]
    random = torch.from_numpy(rng.uniform(-_BENT_MM, _BENT_MM, (1, 3, *knots)).astype(np.float32))
    field = F.interpolate(random, tuple(shape), mode="trilinear", align_corners=True)[0]
    axes = []
    for axis, (length, step) in enumerate(zip(shape, spacing, strict=True)):
        along = torch.linspace(-1, 1, length).view(-1, *(1,) * (2 - axis))
        axes.append(along + field[axis] * (2 / (step * max(length - 1, 1))))
    grid = torch.stack(axes[::-1], -1)[None]
    both = torch.stack((hu, torch.from_numpy(mask.astype(np.float32))))[None]
    moved_hu, moved_mask = F.grid_sample(
        both, grid, mode="bilinear", padding_mode="border", align_corners=True
    )[0]
    return moved_hu, np.asarray((moved_mask > 0.5).numpy())


def _breathed(hu: Tensor, rng: np.random.Generator) -> Tensor:
    """Lung denser, or filled with more air; what is no lung stays."""
    if rng.random() < 0.5:
        return hu
    share = ((_LUNG_HU - hu) / _LUNG_EDGE_HU).clamp_(0, 1)
    return hu + share * (hu - _AIR_HU) * (rng.uniform(_LEAST_LUNG, _MOST_LUNG) - 1)


def _reconstructed(hu: Tensor, detail_hu: float, rng: np.random.Generator) -> Tensor:
    """A sharper kernel half of the time, a softer one at times."""
    chance = rng.random()
    if chance < 0.5:
        sharpest = float(np.clip(_ROUGHEST_HU / max(detail_hu, 1.0) - 1, 0, _SHARPEST))
        return hu + rng.uniform(0, sharpest) * detail(hu)
    return hu - rng.uniform(0, _SMOOTHEST) * detail(hu) if chance < 0.65 else hu


def _dosed(hu: Tensor, rng: np.random.Generator) -> Tensor:
    """More noise half of the time, fine or coarse in plane."""
    if rng.random() < 0.5:
        return hu
    random = torch.Generator().manual_seed(int(rng.integers(2**62)))
    noise = torch.randn(hu.shape, generator=random)
    coarse = noise - detail(noise)
    share = rng.uniform()
    mixed = share * noise + (1 - share) * coarse / coarse.std()
    return hu + rng.uniform(0, _NOISE_HU) * mixed
