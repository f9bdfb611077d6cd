"""Training cubes: 32 mm of real lung at 1 mm, from random positions of real scans."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from mitsgan.attack import Action, cut_blocks
from mitsgan.attack.ctgan import SIDE
from mitsgan.attack.plan import sizes
from mitsgan.attack.resample import zoom
from mitsgan.errors import ScanError
from mitsgan.scan.lung import Lung, find_lung
from mitsgan.scan.scan import Geometry, Scan
from mitsgan.training.nodules import add_nodules

DEPTH_MM = 5.0
"""Positions lie at least this deep in the lung."""


@dataclass(frozen=True)
class Volume:
    """A scan in memory for training: HU, spacing in mm ``[z, y, x]``, and its lung."""

    hu: Tensor
    spacing: tuple[float, float, float]
    lung: Lung

    def position(self, rng: np.random.Generator) -> tuple[int, int, int]:
        """A random voxel of the lung around which the whole cube lies inside the scan."""
        cube, _ = sizes(self.spacing)
        half = np.asarray(cube) // 2 + 1
        for candidate in self.lung.positions(1000, rng):
            if (candidate >= half).all() and (candidate + half <= self.hu.shape).all():
                z, y, x = candidate.tolist()
                return z, y, x
        raise ScanError(
            f"no lung position has a whole cube of 32 mm around it; the scan of {self.hu.shape} "
            f"voxels at {self.spacing} mm is too small to train on"
        )


def volumes(scans: Sequence[Scan], thicknesses: Sequence[float] = (2.0, 5.0)) -> list[Volume]:
    """Each scan as it is, and averaged to each of the thicker slices that it can give."""
    made = []
    for scan in scans:
        for version in [scan, *(t for mm in thicknesses if (t := thicken(scan, mm)))]:
            lung = find_lung(version).within(DEPTH_MM, version.spacing)
            hu = torch.from_numpy(version.hu()).clamp_min_(-1024)
            made.append(Volume(hu, version.spacing, lung))
    return made


def thicken(scan: Scan, thickness: float) -> Scan | None:
    """The scan with slices averaged to about ``thickness`` mm; None if it is not a thinner one."""
    count = round(thickness / scan.spacing[0])
    if count < 2:
        return None
    kept = scan.shape[0] // count * count
    hu = scan.hu(0, kept).reshape(-1, count, *scan.shape[1:]).mean(1)
    old = scan.geometry
    geometry = Geometry((old.spacing[0] * count, *old.spacing[1:]), old.origin, old.axes)
    ones = np.ones(len(hu))
    return Scan(hu, ones, 0 * ones, -32768, 32767, geometry)


def sharpened(data: Sequence[Volume], amounts: Sequence[float]) -> list[Volume]:
    """Each volume once per amount of unsharp masking in plane: what sharper kernels would give.

    Scanners differ in the noise of lung by a factor of four; what is trained on smooth
    reconstructions alone is no better than noise on sharp ones.
    """
    return [
        replace(volume, hu=_sharpen(volume.hu, amount)) if amount else volume
        for volume in data
        for amount in amounts
    ]


def _sharpen(hu: Tensor, amount: float) -> Tensor:
    blurred = F.avg_pool2d(hu[:, None], 3, stride=1, padding=1, count_include_pad=False)[:, 0]
    return (hu + amount * (hu - blurred)).clamp_(-1024, 3071)


class CubeSampler:
    """Endless cubes of lung for one action.

    Injector: a synthetic nodule in the middle. Remover: lung as it is. Flips and quarter turns
    in the axial plane; no interpolation beyond the attacker's own.
    """

    def __init__(self, data: Sequence[Volume], action: Action) -> None:
        self.data = data
        self.action = action

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        """``[count, 32, 32, 32]`` in HU, all decided by ``generator``."""
        cubes = []
        for _ in range(count):
            pick, seed = torch.randint(2**31, (2,), generator=generator).tolist()
            volume = self.data[pick % len(self.data)]
            cut, _ = sizes(volume.spacing)
            z, y, x = volume.position(np.random.default_rng(seed))
            cube = zoom(cut_blocks(volume.hu, [(z, y, x)], cut), (SIDE, SIDE, SIDE))[0]
            turns, flip = seed % 4, seed // 4 % 2
            cube = torch.rot90(cube, turns, (1, 2))
            cubes.append(cube.flip(2) if flip else cube)
        batch = torch.stack(cubes)
        return add_nodules(batch, generator) if self.action == "inject" else batch
