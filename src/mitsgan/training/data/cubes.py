"""Training cubes: 32 mm of real lung at 1 mm, from random positions of real scans."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from mitsgan.anatomy.lung import Lung
from mitsgan.anatomy.places import LungPositions, cube_size, deep_lung
from mitsgan.attack import Action, cut_blocks, hu_volume
from mitsgan.attack.networks.ctgan import SIDE
from mitsgan.attack.resample import zoom
from mitsgan.errors import PositionError, ScanError
from mitsgan.scan.scan import AIR_HU, Geometry, Scan
from mitsgan.training.data.nodules import add_nodules

_TRIED = 1000
"""Random positions that are tried for one with a whole cube around it."""


@dataclass(frozen=True)
class Volume:
    """A scan in memory for training: HU, spacing in mm ``[z, y, x]``, and its lung."""

    hu: Tensor
    spacing: tuple[float, float, float]
    lung: Lung

    def position(self, rng: np.random.Generator) -> tuple[int, int, int]:
        """A random voxel of the lung around which the whole cube lies inside the scan."""
        for place in self._places.some(1, rng, _TRIED):
            return place
        raise ScanError(
            f"no lung position has a whole cube of 32 mm around it; the scan of "
            f"{tuple(self.hu.shape)} voxels at {self.spacing} mm is too small to train on"
        )

    @property
    def has_position(self) -> bool:
        """Whether there is a position at all."""
        return bool(self._places.holds(self.lung.voxels).any())

    def holds(self, index: Sequence[float]) -> bool:
        """Whether the whole cube around a voxel ``[z, y, x]`` lies inside the scan."""
        return bool(self._places.holds(index))

    @cached_property
    def _places(self) -> LungPositions:
        """Between voxels, because a cube may be shifted by a part of a voxel."""
        z, y, x = self.hu.shape
        return LungPositions(self.lung, self.spacing, (z, y, x), between_voxels=True)

    @cached_property
    def fine_detail_hu(self) -> float:
        """RMS in the lung of what a mean over 3 x 3 pixels takes away: noise, and the kernel."""
        places = torch.from_numpy(self.lung.voxels)
        if not len(places):
            return 0.0
        return float(detail(self.hu)[tuple(places.T)].square().mean().sqrt())

    def cube(self, index: Sequence[float]) -> Tensor:
        """``[32, 32, 32]`` at 1 mm around a voxel ``[z, y, x]``, which may be fractional."""
        cut = cube_size(self.spacing)
        # A block of even size has its middle half a voxel before its position.
        middle = [round(n / 2) - (n - 1) / 2 for n in cut]
        z, y, x = (round(i + m) for i, m in zip(index, middle, strict=True))
        shift = tuple(i + m - whole for i, m, whole in zip(index, middle, (z, y, x), strict=True))
        blocks = cut_blocks(self.hu, [(z, y, x)], cut)
        return zoom(blocks, (SIDE, SIDE, SIDE), (shift[0], shift[1], shift[2]))[0]

    def without(self, indices: Sequence[Sequence[float]], radii_mm: Sequence[float]) -> Volume:
        """The same, but no random cube touches these spheres: voxels ``[z, y, x]`` and mm."""
        mask = self.lung.mask.copy()
        for index, radius in zip(indices, radii_mm, strict=True):
            box = []
            for i, s, stride in zip(index, self.spacing, self.lung.stride, strict=True):
                reach = (radius + SIDE / 2) / s
                box.append(
                    slice(max(0, int((i - reach) // stride)), int((i + reach) // stride) + 2)
                )
            mask[tuple(box)] = False
        return replace(self, lung=replace(self.lung, mask=mask))


def volumes(
    scans: Sequence[Scan],
    thicknesses: Sequence[float] = (2.0, 5.0),
    pixel_scales: Sequence[float] = (1.0,),
) -> list[Volume]:
    """Each scan as it is and with the thicker slices it can give, at each pixel scale."""
    scaled_volumes = []
    for number, scan in enumerate(scans, 1):
        for version in [scan, *(t for mm in thicknesses if (t := thicken(scan, mm)))]:
            for scale in pixel_scales:
                scaled = version if scale == 1 else coarsen(version, scale)
                try:
                    lung = deep_lung(scaled)
                except (PositionError, ScanError) as error:
                    if len(scans) == 1:
                        raise
                    raise type(error)(f"scan {number} of {len(scans)}: {error}") from error
                scaled_volumes.append(Volume(hu_volume(scaled), scaled.spacing, lung))
    return scaled_volumes


def thicken(scan: Scan, thickness: float) -> Scan | None:
    """The scan with slices averaged to about ``thickness`` mm; None if it is not a thinner one."""
    count = round(thickness / scan.spacing[0])
    if count < 2:
        return None
    kept = scan.shape[0] // count * count
    hu = _numbers(scan)[:kept].reshape(-1, count, *scan.shape[1:]).mean(1)
    z, y, x = scan.spacing
    return _derived(scan, hu, (z * count, y, x))


def coarsen(scan: Scan, scale: float) -> Scan:
    """The scan with pixels ``scale`` times as large, as a larger field of view would give."""
    z, y, x = scan.spacing
    height, width = (round(n / scale) for n in scan.shape[1:])
    hu = F.interpolate(torch.from_numpy(_numbers(scan))[:, None], (height, width), mode="bicubic")
    spacing = (z, y * scan.shape[1] / height, x * scan.shape[2] / width)
    return _derived(scan, np.asarray(hu[:, 0].numpy()), spacing)


def _numbers(scan: Scan) -> NDArray[np.float32]:
    """HU, and air where there is no number, as outside the field of view of a scan of floats.

    One voxel without would leave nothing but such in all weights that are trained on it.
    """
    hu = scan.hu()
    return hu if scan.is_integer else np.nan_to_num(hu, copy=False, nan=AIR_HU)


def _derived(scan: Scan, hu: NDArray[np.float32], spacing: tuple[float, float, float]) -> Scan:
    """A scan of floats for training; where it lies in the patient plays no part there."""
    ones = np.ones(len(hu))
    geometry = Geometry(spacing, scan.geometry.origin, scan.geometry.axes)
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
    return (hu + amount * detail(hu)).clamp_(-1024, 3071)


def detail(hu: Tensor) -> Tensor:
    """What a mean over 3 x 3 pixels takes away from slices ``[z, y, x]``."""
    return hu - F.avg_pool2d(hu[:, None], 3, stride=1, padding=1, count_include_pad=False)[:, 0]


def turned(cube: Tensor, choice: int) -> Tensor:
    """One of the eight flips and quarter turns of ``[z, y, x]`` in the axial plane."""
    quarter, flip = choice % 4, choice // 4 % 2
    cube = torch.rot90(cube, quarter, (1, 2))
    return cube.flip(2) if flip else cube


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
            cut = cube_size(volume.spacing)
            z, y, x = volume.position(np.random.default_rng(seed))
            cube = zoom(cut_blocks(volume.hu, [(z, y, x)], cut), (SIDE, SIDE, SIDE))[0]
            cubes.append(turned(cube, seed))
        batch = torch.stack(cubes)
        return add_nodules(batch, generator) if self.action == "inject" else batch
