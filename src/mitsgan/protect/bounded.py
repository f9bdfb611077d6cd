"""A generator applied to whole scans, slab by slab, whoever runs its network."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
from numpy.typing import NDArray

from mitsgan.perturb.budget import Budget
from mitsgan.protect.patches import ANY_PHASE_MM, HALO, PATCH, TILE, Spacing, slice_noise
from mitsgan.protect.protector import Protector
from mitsgan.protect.region import near_lung, where_it_acts
from mitsgan.scan.scan import AIR_HU, Scan


class BoundedGenerator(Protector):
    """A protector whose network gives each voxel's part of the budget.

    A subclass runs the network, in `part_of_budget`; where it acts, what it is fed and what becomes
    of its output are the same for all.

    Attributes:
        seed: of the noise that the generator is fed; same seed, same perturbation.
    """

    seed: int = 0

    @abstractmethod
    def part_of_budget(
        self,
        hu: NDArray[np.float32],
        noise: NDArray[np.float32],
        spacing: Spacing,
        phase: tuple[float, float],
    ) -> NDArray[np.float32]:
        """Run the network on one slab.

        Args:
            hu: ``[z + 2 HALO, y, x]``, y and x multiples of `TILE`.
            noise: ``[z + 2 HALO, y / PATCH, x / PATCH]``, standard normal.
            spacing: mm ``[z, y, x]``.
            phase: of waves along rows and columns at the slab's first pixel, in mm.

        Returns:
            ``[z, y, x]`` in [-1, 1], writable.
        """

    def perturbation(
        self, scan: Scan, start: int, stop: int, budget: Budget
    ) -> NDArray[np.float32]:
        """See `Perturbation`; within the budget by construction."""
        everywhere = np.zeros((stop - start, *scan.shape[1:]), np.float32)
        slices, rows, columns = where_it_acts(scan)
        box = (rows, columns)
        offset, start, stop = start, max(start, slices.start), min(stop, slices.stop)
        if start >= stop:
            return everywhere
        depth = scan.shape[0]
        first, last = max(start - HALO, 0), min(stop + HALO, depth)
        hu = scan.hu(first, last, box)
        if not scan.is_integer:
            np.nan_to_num(hu, copy=False, nan=AIR_HU, posinf=AIR_HU, neginf=AIR_HU)
        height, width = hu.shape[1:]
        beyond = (first - start + HALO, stop + HALO - last)  # slices held at the scan's ends
        padding = (beyond, (0, -height % TILE), (0, -width % TILE))
        if np.any(padding):
            hu = np.pad(hu, padding, mode="edge")
        side = (hu.shape[1] // PATCH, hu.shape[2] // PATCH)
        numbers = [min(max(z, 0), depth - 1) for z in range(start - HALO, stop + HALO)]
        noise = np.stack([slice_noise(self.seed, z, side) for z in numbers])
        bounded = self.part_of_budget(hu, noise, scan.spacing, self._phase(scan, box))
        bounded = bounded[:, :height, :width]
        bounded *= budget.limits(scan, start, stop, box)
        near = near_lung(scan)
        if near is not None:
            bounded *= near.slab(start, stop, box)
        everywhere[start - offset : stop - offset, *box] = bounded
        return everywhere

    def _phase(self, scan: Scan, box: tuple[slice, slice]) -> tuple[float, float]:
        """Of the waves where the block begins, in mm: from the seed, and the same for all slabs."""
        y, x = np.random.default_rng(self.seed).uniform(0, ANY_PHASE_MM, 2)
        _, height, width = scan.spacing
        return float(y + box[0].start * height), float(x + box[1].start * width)
