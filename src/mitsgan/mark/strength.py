"""How strong the mark may be where: it follows the noise of the scan, block by block.

Noise hides the mark, and noise is what it must be found in. So its amplitude is a multiple of the
local noise, within limits, on blocks of 4 x 4 voxels. Embedding measures the noise on the scan
before the mark, verification on the one at hand; a few HU more or less change little.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mitsgan.scan.scan import AIR_HU, Scan

BLOCK = 4
"""Side of a block in the plane, in voxels."""

LOWEST, HIGHEST = 0.5, 1.75
"""Limits of a block's noise, as multiples of the scan's median."""

_SAMPLED = 8
_LARGEST_STEP_HU = 150.0
_BODY_HU = -950.0

Blocks = NDArray[np.float32]
"""One value per block of a slice, ``[rows / 4, columns / 4]``, rounded up."""


@dataclass(frozen=True)
class Strength:
    """What the amplitude of a scan's mark is measured by.

    Attributes:
        median_hu: the usual local noise of the body.
        rms: of `relative` over the body, 1 where it is divided by it.
    """

    median_hu: float
    rms: float

    def relative(self, noise: Blocks) -> Blocks:
        """Amplitude per block, in units of the RMS over the body."""
        held = np.clip(noise / np.float32(self.median_hu), LOWEST, HIGHEST) / np.float32(self.rms)
        return np.asarray(held, np.float32)


def measure_strength(scan: Scan) -> Strength:
    """Look at a few slices spread over a scan; the same whichever way it is cut into slabs."""
    depth = scan.shape[0]
    numbers = sorted({round(z) for z in np.linspace(0, depth - 1, min(depth, _SAMPLED + 2))[1:-1]})
    found = []
    for z in numbers or range(depth):
        hu = padded_slice(scan, z)
        noise, mean = local_noise(hu), block_sums(hu) / BLOCK**2
        found.append(noise[(mean > _BODY_HU) & (noise > 0)])
    body = np.concatenate(found)
    if not body.size:
        return Strength(1.0, 1.0)
    median = max(float(np.median(body)), 1e-3)
    held = np.clip(body / median, LOWEST, HIGHEST)
    return Strength(median, float(np.sqrt(np.mean(np.square(held)))))


def local_noise(hu: NDArray[np.float32]) -> Blocks:
    """Standard deviation, HU, of what the four neighbours do not tell, over 3 x 3 blocks.

    Args:
        hu: ``[y, x]``, whole blocks.
    """
    beside = np.empty_like(hu)
    np.add(hu[:, :-2], hu[:, 2:], out=beside[:, 1:-1])
    beside[:, 0], beside[:, -1] = hu[:, 0] + hu[:, 1], hu[:, -2] + hu[:, -1]
    return noise_of(hu, beside)


def noise_of(hu: NDArray[np.float32], beside: NDArray[np.float32]) -> Blocks:
    """`local_noise`, where the sums of the two neighbours along x are there already.

    Args:
        hu: ``[y, x]``, whole blocks.
        beside: of the same shape; written over.
    """
    rest = beside
    rest[1:] += hu[:-1]
    rest[0] += hu[0]
    rest[:-1] += hu[1:]
    rest[-1] += hu[-1]
    rest *= np.float32(-0.25)
    rest += hu
    np.clip(rest, -_LARGEST_STEP_HU, _LARGEST_STEP_HU, out=rest)
    np.square(rest, out=rest)
    blocks = block_sums(rest)
    sums = np.empty((blocks.shape[0] + 2, blocks.shape[1] + 2), np.float32)
    sums[1:-1, 1:-1] = blocks
    sums[0], sums[-1] = sums[1], sums[-2]
    sums[:, 0], sums[:, -1] = sums[:, 1], sums[:, -2]
    rows = sums[:-2] + sums[1:-1] + sums[2:]
    around = rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]
    return np.asarray(np.sqrt(around / np.float32(9 * BLOCK**2)), np.float32)


def block_sums(values: NDArray[np.float32]) -> Blocks:
    """Sums over the blocks of ``[y, x]``, whose sides are whole blocks."""
    tall = values[0::BLOCK] + values[1::BLOCK]
    for k in range(2, BLOCK):
        tall += values[k::BLOCK]
    sums: Blocks = tall[:, 0::BLOCK] + tall[:, 1::BLOCK]
    for k in range(2, BLOCK):
        sums += tall[:, k::BLOCK]
    return sums


def spread(blocks: Blocks, shape: tuple[int, int]) -> NDArray[np.float32]:
    """One value per block to one per voxel, ``[y, x]`` of ``shape``."""
    wide = np.repeat(np.repeat(blocks, BLOCK, axis=0), BLOCK, axis=1)
    return wide[: shape[0], : shape[1]]


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
