"""How strong the mark may be where: it follows the noise of the scan, block by block, and the lung.

Noise hides the mark, and noise is what it must be found in. So its amplitude is a multiple of the
local noise, within limits, on blocks of 4 x 4 voxels, and more in and around lung, where lesions
are painted. Embedding measures the noise on the scan before the mark, verification on the one at
hand; a few HU more or less change little.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mitsgan.mark.sliding import Slider
from mitsgan.mark.windows import BLOCK, window
from mitsgan.scan.once import once_per_scan
from mitsgan.scan.scan import AIR_HU, Scan

LOWEST, HIGHEST = 0.7, 1.5
"""Limits of a block's noise, as multiples of the scan's median."""

FAINTEST_HU = 25.0
"""Noise below counts as this much: there, mark and protection themselves are most of what is
measured, and where they are must not change how strong the mark is taken to be."""

LUNG = 2.5
"""How much stronger the mark is in lung than in other tissue of the same noise."""

STRONGEST = 5 / 3
"""Limit of a block's amplitude, as a multiple of the RMS over the body."""

NOISE_MM = 64.0
"""Side of the square over which noise is averaged: what is repainted is a small part of it."""

BODY_HU = -950.0
"""Blocks below are air, inside or outside the body: little of the mark is there."""

_AERATED_HU = (-960.0, -400.0)
_LUNG_MM = 28.0
_SAMPLED = 8
_LARGEST_STEP_HU = 300.0
_ROUNDS = 20

Blocks = NDArray[np.float32]
"""One value per block of a slice, ``[rows / 4, columns / 4]``, rounded up."""

Stack = NDArray[np.float32]
"""The blocks of several slices, ``[z, y, x]``."""

Side = tuple[int, int]
"""Of a rectangle, in blocks along y and x."""


@dataclass(frozen=True)
class Strength:
    """What the amplitude of a scan's mark is measured by.

    Attributes:
        median_hu: the usual local noise of the body.
        scale: amplitude of that noise outside the lung, in units of the RMS over the body.
        noise_around, lung_around: sides in blocks of the squares over which noise is averaged and
            lung is looked for.
    """

    median_hu: float
    scale: float
    noise_around: Side
    lung_around: Side

    def relative(self, noise: Stack, mean: Stack, slider: Slider) -> Stack:
        """Amplitude per block, in units of the RMS over the body.

        Args:
            noise: of the blocks of some slices, from `local_noise`.
            mean: of the same blocks, HU.
            slider: to compute with.
        """
        wanted = self._wanted(noise, mean, slider)
        wanted *= np.float32(self.scale)
        return np.minimum(wanted, np.float32(STRONGEST), out=wanted)

    def _wanted(self, noise: Stack, mean: Stack, slider: Slider) -> Stack:
        # Of the body alone: then it is the same whatever part of the air around is looked at.
        wanted = averaged(noise, self.noise_around, mean > BODY_HU, slider)
        np.maximum(wanted, FAINTEST_HU, out=wanted)
        wanted *= np.float32(1 / self.median_hu)
        np.clip(wanted, LOWEST, HIGHEST, out=wanted)
        # A square is as much lung as twice the share that is aerated: vessels, nodules and the
        # wall beside it belong to it, and a nodule painted into it changes nothing.
        lung = ((mean > _AERATED_HU[0]) & (mean < _AERATED_HU[1])).astype(np.float32)
        share = slider.sums(lung, (1, *self.lung_around), 0, len(lung))
        share *= np.float32(2 * (LUNG - 1) / (self.lung_around[0] * self.lung_around[1]))
        share += 1
        np.minimum(share, np.float32(LUNG), out=share)
        wanted *= share[:, : wanted.shape[1], : wanted.shape[2]]
        return wanted


@once_per_scan
def measure_strength(scan: Scan) -> Strength:
    """Look at a few slices spread over a scan; the same whichever way it is cut into slabs."""
    depth = scan.shape[0]
    numbers = sorted({round(z) for z in np.linspace(0, depth - 1, min(depth, _SAMPLED + 2))[1:-1]})
    slices = [padded_slice(scan, z) for z in numbers or range(depth)]
    noise = np.stack([local_noise(hu) for hu in slices])
    mean = np.stack([block_sums(hu) for hu in slices])
    mean /= np.float32(BLOCK**2)
    inside = (mean > BODY_HU) & (noise > 0)
    body = noise[inside]
    around = [window(side_mm, scan.spacing)[1:] for side_mm in (NOISE_MM, _LUNG_MM)]
    usual = max(float(np.median(body)) if body.size else 0.0, FAINTEST_HU)
    first = Strength(usual, 1.0, *around)
    if not body.size:
        return first
    wanted = first._wanted(noise, mean, Slider(np.float32))[inside]
    low, high = 0.0, STRONGEST / LOWEST
    for _ in range(_ROUNDS):
        scale = (low + high) / 2
        power = float(np.mean(np.square(np.minimum(scale * wanted, STRONGEST))))
        low, high = (scale, high) if power < 1 else (low, scale)
    return Strength(usual, high, *around)


def local_noise(hu: NDArray[np.float32]) -> Blocks:
    """Standard deviation, HU, of the finest detail of each block.

    Args:
        hu: ``[y, x]``, whole blocks.
    """
    differences = hu[0::2] - hu[1::2]
    return noise_of(differences[:, 0::2] - differences[:, 1::2])


def noise_of(detail: NDArray[np.float32]) -> Blocks:
    """`local_noise`, where what the voxels of each unit differ by is there already.

    Args:
        detail: ``[rows / 2, columns / 2]``, added up with alternating signs; overwritten.
    """
    np.clip(detail, -_LARGEST_STEP_HU, _LARGEST_STEP_HU, out=detail)
    np.square(detail, out=detail)
    # A difference of four voxels has twice the noise of one, and a block has four of them.
    noise = pair_sums(detail)
    noise *= np.float32(1 / BLOCK**2)
    return np.sqrt(noise, out=noise)


def averaged(blocks: Stack, side: Side, where: NDArray[np.bool_], slider: Slider) -> Stack:
    """Means over the rectangle around each block, as far as there are blocks; 0 without any.

    Args:
        blocks: of some slices.
        side: of the rectangle.
        where: which of them count.
        slider: to compute with.
    """
    depth, rows, columns = blocks.shape
    counted = where.astype(np.float32)
    count = slider.sums(counted, (1, *side), 0, depth)[:, :rows, :columns].copy()
    counted *= blocks
    total = slider.sums(counted, (1, *side), 0, depth)[:, :rows, :columns]
    return np.asarray(total / np.maximum(count, 1, out=count))


def block_sums(values: NDArray[Any]) -> NDArray[Any]:
    """Sums over the blocks of ``[y, x]``, whose sides are whole blocks; of the values' own type."""
    tall = values[0::BLOCK] + values[1::BLOCK]
    for k in range(2, BLOCK):
        tall += values[k::BLOCK]
    sums: NDArray[Any] = tall[:, 0::BLOCK] + tall[:, 1::BLOCK]
    for k in range(2, BLOCK):
        sums += tall[:, k::BLOCK]
    return sums


def pair_sums(units: NDArray[np.float32]) -> Blocks:
    """Sums over the 2 x 2 units of every block."""
    tall = units[0::2] + units[1::2]
    return np.asarray(tall[:, 0::2] + tall[:, 1::2])


def spread(blocks: Blocks, shape: tuple[int, int]) -> NDArray[np.float32]:
    """One value per block to one per voxel, ``[y, x]`` of ``shape``."""
    wide = np.repeat(np.repeat(blocks, BLOCK, axis=0), BLOCK, axis=1)
    return wide[: shape[0], : shape[1]]


def grown(hu: NDArray[np.float32]) -> NDArray[np.float32]:
    """A slice grown to whole blocks by repeating its edge."""
    over = [(0, -n % BLOCK) for n in hu.shape]
    return np.pad(hu, over, mode="edge") if any(after for _, after in over) else hu


def padded_slice(
    scan: Scan, z: int, box: tuple[slice, slice] = (slice(None), slice(None))
) -> NDArray[np.float32]:
    """One slice in HU, grown to whole blocks by repeating its edge; padding counts as air.

    Args:
        scan: that the slice is in.
        z: its number.
        box: rows and columns wanted, of the grown slice; a new array holds them.
    """
    hu = scan.hu(z, z + 1, box)[0]
    if not scan.is_integer:
        np.nan_to_num(hu, copy=False, nan=AIR_HU, posinf=AIR_HU, neginf=AIR_HU)
    np.maximum(hu, np.float32(AIR_HU), out=hu)
    over = [
        (0, (-n % BLOCK if part.stop is None else part.stop - part.start - m))
        for n, m, part in zip(scan.shape[1:], hu.shape, box, strict=True)
    ]
    return np.pad(hu, over, mode="edge") if any(b for _, b in over) else hu
