"""Training crops for the protector: a piece of a real scan and attacks planned inside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from mitsgan.attack import ACTIONS, Cut, cut_blocks, cut_plans, plan_attack
from mitsgan.attack.plan import sizes
from mitsgan.errors import ScanError
from mitsgan.protect.patches import HALO, TILE
from mitsgan.training.data.augment import varied_piece
from mitsgan.training.data.cubes import Volume

_TRIES = 50

_ROOM_MM = 8.0
"""Along z, beside one block: positions differ by so much."""

_Triple = tuple[int, int, int]


def square_around(position: Sequence[int], side: int, shape: Sequence[int]) -> tuple[slice, slice]:
    """Rows and columns of a square with a position in its middle, as far as the slice allows.

    Args:
        position: voxel ``[z, y, x]``.
        side: pixels along each side, all of the slice where that has fewer.
        shape: pixels of a slice ``[y, x]``.
    """
    (y, y_end), (x, x_end) = (
        (low := min(max(at - side // 2, 0), max(length - side, 0)), min(low + side, length))
        for at, length in zip(position[1:], shape, strict=True)
    )
    return slice(y, y_end), slice(x, x_end)


@dataclass(frozen=True)
class Crop:
    """A piece of a scan with room for attacks.

    Attributes:
        hu: ``[z + 2 HALO, y, x]`` in HU; y and x are multiples of `TILE`.
        spacing: mm ``[z, y, x]``.
        cuts: one batch of planned attacks per action, cut from the unprotected scan.
        start: first voxel of the crop (without halo) in the scan.
    """

    hu: Tensor
    spacing: tuple[float, float, float]
    cuts: tuple[Cut, ...]
    start: _Triple

    def to(self, device: torch.device) -> Crop:
        """The same on another device."""
        cuts = tuple(cut.to(device) for cut in self.cuts)
        return replace(self, hu=self.hu.to(device), cuts=cuts)

    def protected(self, cut: Cut, perturbation: Tensor) -> Cut:
        """The same cut after the crop got ``perturbation``, ``[z, y, x]`` in HU without halo."""
        centres = [_moved(p.position, self.start) for p in cut.plans]
        added = cut_blocks(perturbation, centres, cut.plans[0].block, outside=0.0)
        return replace(cut, before=cut.before + added)


class CropSampler:
    """Endless crops around random lung positions, with random attacks in reach.

    Args:
        data: scans.
        side: of the crop in plane, in voxels; a multiple of `TILE`. Less where a scan is smaller.
        attacks: positions per action and crop.
        augment: whether every crop is of a piece that is changed at random, see
            `mitsgan.training.data.augment`.
    """

    def __init__(
        self, data: Sequence[Volume], side: int = 96, attacks: int = 4, *, augment: bool = False
    ) -> None:
        if side % TILE:
            raise ValueError(f"side must be a multiple of {TILE}, found {side}")
        self.data = data
        self.side = side
        self.attacks = attacks
        self.augment = augment

    def sample(self, generator: torch.Generator) -> Crop:
        """One crop, all decided by ``generator``."""
        pick, seed = torch.randint(2**31, (2,), generator=generator).tolist()
        rng = np.random.default_rng(seed)
        volume = self.data[pick % len(self.data)]
        if self.augment:
            volume = self._piece(volume, rng)
        return self._crop(volume, rng)

    def _piece(self, volume: Volume, rng: np.random.Generator) -> Volume:
        """Changed at random, with a place to attack in it."""
        for _ in range(_TRIES):
            piece = varied_piece(volume, self.side, _ROOM_MM, rng)
            if piece.has_position:
                return piece
        raise ScanError(
            f"no piece of the scan of {tuple(volume.hu.shape)} voxels at {volume.spacing} mm has "
            "a whole cube of 32 mm in deep lung; it is too small to train on"
        )

    def _crop(self, volume: Volume, rng: np.random.Generator) -> Crop:
        anchor = volume.position(rng)
        cube, block = sizes(volume.spacing)
        deep = block[0] + max(2, round(_ROOM_MM / volume.spacing[0]))
        height, width = (min(self.side, n // TILE * TILE) for n in volume.hu.shape[1:])
        shape = (deep, height, width)
        offset = [rng.integers(-4, 5) for _ in range(3)]
        z, y, x = (
            int(np.clip(a - n // 2 + o, 0, max(0, length - n)))
            for a, n, o, length in zip(anchor, shape, offset, volume.hu.shape, strict=True)
        )
        start = (z, y, x)
        inside = (slice(y, y + height), slice(x, x + width))
        numbers = np.clip(np.arange(z - HALO, z + deep + HALO), 0, len(volume.hu) - 1)
        positions = self._positions(volume, anchor, start, shape, cube, rng)
        array = volume.hu.numpy()
        cuts = tuple(
            cut_plans(
                volume.hu,
                [
                    plan_attack(array, volume.spacing, place, action, in_body=self.augment)
                    for place in positions
                ],
            )
            for action in ACTIONS
        )
        return Crop(volume.hu[numbers][(slice(None), *inside)], volume.spacing, cuts, start)

    def _positions(
        self,
        volume: Volume,
        anchor: _Triple,
        start: _Triple,
        shape: _Triple,
        cube: _Triple,
        rng: np.random.Generator,
    ) -> list[_Triple]:
        """The anchor and lung voxels near it whose cubes lie in the crop."""
        low = np.asarray(start) + np.asarray(cube) // 2
        high = np.asarray(start) + np.asarray(shape) - (np.asarray(cube) + 1) // 2
        high = np.minimum(high, np.asarray(volume.hu.shape) - (np.asarray(cube) + 1) // 2)
        positions = [anchor]
        for _ in range(50 * self.attacks):
            if len(positions) == self.attacks:
                break
            z, y, x = (int(v) for v in rng.integers(low, np.maximum(high, low) + 1))
            if volume.lung.contains((z, y, x)):
                positions.append((z, y, x))
        return positions


def _moved(position: _Triple, start: _Triple) -> _Triple:
    z, y, x = (p - s for p, s in zip(position, start, strict=True))
    return z, y, x
