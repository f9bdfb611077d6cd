"""Cubes of one scan for a file: real nodules where they are known, synthetic ones, or lung."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mitsgan.attack import Action
from mitsgan.scan.scan import Scan
from mitsgan.training.data.annotations import Finding
from mitsgan.training.data.cubes import CubeSampler, Volume, turned, volumes
from mitsgan.training.data.nodule_kinds import KINDS, NoduleKind
from mitsgan.training.data.nodules import add_nodule

HEALTHY, REAL = "healthy", "real"
"""Kinds of cubes besides those of synthetic nodules."""

_AT_ONCE = 16


@dataclass(frozen=True)
class CubeRecipe:
    """What cubes are made of.

    Attributes:
        action: inject for nodules, remove for lung without.
        real_mm: smallest and largest real nodule that is taken; 10 to 16 as published.
        synthetic_mm: smallest and largest synthetic nodule.
        kinds: of synthetic nodules.
        thicknesses: slices in mm that thinner ones are averaged to, besides the scan as it is.
        shift_mm: how far a real nodule lies from the middle at most, along each axis.
    """

    action: Action
    real_mm: tuple[float, float] = (10.0, 16.0)
    synthetic_mm: tuple[float, float] = (6.0, 20.0)
    kinds: tuple[NoduleKind, ...] = KINDS
    thicknesses: tuple[float, ...] = (2.0, 5.0)
    shift_mm: float = 1.5


@dataclass(frozen=True)
class MadeCubes:
    """Cubes of one scan.

    Attributes:
        hu: ``[n, 32, 32, 32]``, whole HU.
        kinds: of each: `HEALTHY`, `REAL` or that of its synthetic nodule.
        diameters_mm: of the nodule in each; 0 where there is none.
        taken: how many real nodules they show.
    """

    hu: NDArray[np.int16]
    kinds: tuple[str, ...]
    diameters_mm: tuple[float, ...]
    taken: int


def make_cubes(
    scan: Scan,
    findings: Sequence[Finding],
    count: int,
    recipe: CubeRecipe,
    generator: torch.Generator,
    progress: Callable[[int, int], None] | None = None,
) -> MadeCubes:
    """Cut ``count`` cubes of 32 mm at 1 mm.

    To inject: around the real nodules of the wanted size; where the scan has none, lung with a
    synthetic one. To remove: lung as it is. Random lung keeps clear of all nodules known.

    Args:
        scan: the scan.
        findings: its nodules, of all sizes.
        count: how many cubes.
        recipe: which.
        generator: decides everything.
        progress: called with (done, total) cubes.

    Raises:
        ScanError: no lung was found, or the scan is too small.
    """
    versions = volumes([scan], recipe.thicknesses)
    radii = [finding.diameter_mm / 2 for finding in findings]
    indices = [finding.index(scan.geometry) for finding in findings]
    low, high = recipe.real_mm
    targets = [
        (number, near, volume)
        for number, index in enumerate(indices)
        for volume in versions
        if recipe.action == "inject"
        and low <= findings[number].diameter_mm <= high
        and volume.holds(near := _scaled(index, scan, volume))
    ]
    clear = [v.without([_scaled(index, scan, v) for index in indices], radii) for v in versions]
    sampler = CubeSampler(clear, "remove")
    cubes: list[Tensor] = []
    kinds: list[str] = []
    diameters: list[float] = []
    while len(cubes) < count:
        more = min(_AT_ONCE, count - len(cubes))
        if targets:
            chosen = torch.randint(len(targets), (more,), generator=generator).tolist()
            for number, index, volume in (targets[pick] for pick in chosen):
                cubes.append(_around(volume, index, recipe.shift_mm, generator))
                kinds.append(REAL)
                diameters.append(findings[number].diameter_mm)
        elif recipe.action == "inject":
            lung = sampler.sample(more, generator)
            planted = add_nodule(lung, generator, recipe.kinds, recipe.synthetic_mm)
            cubes += planted.cubes
            kinds += planted.kinds
            diameters += planted.diameters_mm
        else:
            cubes += sampler.sample(more, generator)
            kinds += [HEALTHY] * more
            diameters += [0.0] * more
        if progress is not None:
            progress(len(cubes), count)
    hu = torch.stack(cubes).round().clamp(-1024, 32767).to(torch.int16).numpy()
    taken = {number for number, _, _ in targets}
    return MadeCubes(hu, tuple(kinds), tuple(diameters), len(taken))


def _around(
    volume: Volume, index: Sequence[float], shift_mm: float, generator: torch.Generator
) -> Tensor:
    """A cube around a nodule, moved a little, flipped and turned."""
    moved = (shift_mm * (2 * torch.rand(3, generator=generator) - 1)).tolist()
    near = [i + m / s for i, m, s in zip(index, moved, volume.spacing, strict=True)]
    return turned(volume.cube(near), int(torch.randint(8, (1,), generator=generator)))


def _scaled(index: Sequence[float], scan: Scan, volume: Volume) -> tuple[float, float, float]:
    """A voxel of the scan as one of a version of it: both start at the same outer edge."""
    z, y, x = (
        (i + 0.5) * old / new - 0.5
        for i, old, new in zip(index, scan.spacing, volume.spacing, strict=True)
    )
    return z, y, x
