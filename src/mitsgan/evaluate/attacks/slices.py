"""The slices that simulated attacks hit: as they are, and tampered with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mitsgan.attack import Attacker, Plan, Strikes, Variant, tamper_cut
from mitsgan.attack.cube import overlap
from mitsgan.evaluate.metrics.regions import attacked_square
from mitsgan.scan.scan import Scan

Pair = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_], tuple[slice, slice]]
"""A slice ``[y, x]`` in HU of either scan, its voxels that are no padding, and the square."""


def untouched_slices(
    original: Scan, protected: Scan, positions: Sequence[Sequence[int]]
) -> Iterator[Pair]:
    """The slice through each position, before any attack."""
    for position in positions:
        z = position[0]
        inside = ~original.is_padding(z, z + 1)[0]
        a, b = (scan.hu(z, z + 1)[0] for scan in (original, protected))
        yield a, b, inside, attacked_square(original, position)


def tampered_slices(
    original: Scan,
    volumes: tuple[Tensor, Tensor],
    plans: Sequence[Plan],
    attacker: Attacker,
    *,
    variant: Variant = tamper_cut,
) -> Iterator[Pair]:
    """The slice through each position, after the same attack on both scans.

    Args:
        original: says what is padding.
        volumes: both scans, ``[z, y, x]`` in HU.
        plans: where; each attack stands alone.
        attacker: of the plans' action.
        variant: how the attacker goes about it.
    """
    strikes = Strikes.at(volumes[0], plans, attacker, variant=variant)
    with torch.no_grad():
        blocks = [
            torch.cat([outcome.tampered for outcome in strikes.outcomes(volume)])
            for volume in (None, volumes[1])
        ]
    for number, plan in enumerate(plans):
        z = plan.position[0]
        # An axial slice of the block; whatever of it leaves the scan is not pasted.
        place, part = overlap(plan.start, plan.block, original.shape)
        pictures = []
        for volume, block in zip(volumes, blocks, strict=True):
            picture = volume[z].clone()
            picture[place[1:]] = block[number, z - plan.start[0]][part[1:]].to(picture.dtype)
            pictures.append(picture.numpy())
        inside = ~original.is_padding(z, z + 1)[0]
        yield pictures[0], pictures[1], inside, attacked_square(original, plan.position)
