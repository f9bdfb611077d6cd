"""How noisy the residual is, block by block: what the mark has to be told from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mitsgan.mark.find.settings import Detector
from mitsgan.mark.median import median
from mitsgan.mark.sliding import SLAB, Slider
from mitsgan.mark.strength import BODY_HU, NOISE_MM
from mitsgan.mark.windows import BLOCK, window
from mitsgan.slabs import slab_by_slab

Cells = NDArray[np.float32]
"""One value per slice and block, ``[z, y, x]``."""

Mask = NDArray[np.bool_]
"""The same, true or false."""

VOXELS = BLOCK * BLOCK
"""In a block."""


@dataclass(frozen=True)
class Noise:
    """Variance of the residual per voxel, HU squared.

    Attributes:
        local: over 3 x 3 blocks, and at least a share of what is usual around: what was painted
            can be much smoother than the scan, and no less mark must be expected there.
        around: over a square so large that what was painted is a small part of it.
        detail: over 3 x 3 blocks, as a share of that around.
        usual: in the body.
    """

    local: Cells
    around: Cells
    detail: Cells
    usual: float


def is_body(means: Cells, settings: Detector) -> Mask:
    """Blocks in which the mark is looked for: neither air nor metal, which saturates."""
    return (means > BODY_HU) & (means < settings.metal_hu)


def residual_noise(
    squares: Cells, means: Cells, spacing: tuple[float, float, float], settings: Detector
) -> Noise:
    """The noise of a scan.

    Args:
        squares: sums of the squared residual, of the four units of each block.
        means: of the blocks, HU.
        spacing: of the voxels, mm ``[z, y, x]``.
        settings: of the detector.
    """
    body = is_body(means, settings)
    local, around, detail = (np.empty_like(squares) for _ in range(3))
    rows, columns = squares.shape[1:]
    side = (1, *window(NOISE_MM, spacing)[1:])
    slider = Slider(np.float32)

    def sums(values: Cells) -> Cells:
        return np.asarray(slider.sums(values, side, 0, len(values))[:, :rows, :columns])

    def measure(start: int, stop: int) -> Cells:
        """Local noise and that around of some slices; gives the former of the body."""
        part = slider.sums(squares, (1, 3, 3), start, stop)[:, :rows, :columns]
        part = np.divide(part, np.float32(9 * VOXELS), out=local[start:stop])
        inside = body[start:stop].astype(np.float32)
        count = np.maximum(sums(inside), 1)
        # Standard deviations are averaged, not variances: an edge counts for less.
        inside *= np.sqrt(part)
        np.divide(sums(inside), count, out=count)
        np.square(count, out=around[start:stop])
        return np.asarray(part[body[start:stop] & (part > 0)])

    in_body = np.concatenate(list(slab_by_slab(measure, len(body), SLAB)))
    usual = median(in_body) if in_body.size else 1.0

    def limit(start: int, stop: int) -> None:
        """The share of detail of some slices; their local noise is raised to what is usual."""
        least = np.maximum(around[start:stop], np.float32(1e-6))
        np.divide(local[start:stop], least, out=detail[start:stop])
        least = np.multiply(around[start:stop], np.float32(settings.smoothest))
        np.maximum(least, np.float32(settings.quietest * usual), out=least)
        np.maximum(local[start:stop], least, out=local[start:stop])

    list(slab_by_slab(limit, len(body), SLAB))
    return Noise(local, around, detail, usual)


def noise_classes(noise: Noise, means: Cells, settings: Detector) -> NDArray[np.int16]:
    """The class of tissue and noise of every block, from 0."""
    kind = np.empty(means.shape, np.int16)
    count = settings.noise_classes

    def classify(start: int, stop: int) -> None:
        level = np.maximum(noise.around[start:stop], np.float32(1e-6))
        level *= np.float32(1 / noise.usual)
        np.log2(level, out=level)
        level += np.float32(count / 2)
        np.clip(level, 0, count - 1, out=level)
        part = kind[start:stop]
        part[...] = level
        for limit_hu in settings.tissues_hu:
            part += np.int16(count) * (means[start:stop] > limit_hu)

    list(slab_by_slab(classify, len(kind), SLAB))
    return kind
