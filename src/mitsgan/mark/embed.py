"""Putting the mark on a scan: a perturbation of a few HU, and room for it beneath the budget."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mitsgan.errors import BudgetError
from mitsgan.mark.content import HIGHEST_HU
from mitsgan.mark.keys import Key
from mitsgan.mark.pattern import VERSION, VERSIONS, Pattern, end_variant, slice_positions
from mitsgan.mark.sliding import Slider
from mitsgan.mark.strength import (
    Blocks,
    block_sums,
    grown,
    local_noise,
    measure_strength,
    padded_slice,
    spread,
)
from mitsgan.mark.windows import BLOCK
from mitsgan.perturb import Budget, Perturbation
from mitsgan.scan.scan import AIR_HU, Scan

STRENGTH_HU = 3.0
"""RMS of the mark over the body, unless told otherwise."""

_SHARE = 0.5
"""Of the budget that the mark takes at most; all of one that follows the noise, as it does."""


@dataclass(frozen=True)
class Mark:
    """The mark of one series; a `Perturbation`.

    It is drawn for the scan as it is. Where something else is added as well, use `WithMark`: the
    mark has to be drawn for what the result shows.

    Attributes:
        key: the secret.
        identity: of the series, from `mitsgan.mark.series_identity` or of the user's choice.
        strength_hu: RMS over the body, before the budget; at most half of the budget is taken, or
            all of one that follows the noise.
        version: of the pattern; an earlier one only for comparison.

    Raises:
        BudgetError: a strength that is no positive number.
        ValueError: a version that there is not.
    """

    key: Key
    identity: str
    strength_hu: float = STRENGTH_HU
    version: int = VERSION

    def __post_init__(self) -> None:
        if not (math.isfinite(self.strength_hu) and self.strength_hu > 0):
            raise BudgetError(
                f"the mark's strength must be a number of HU above 0, found {self.strength_hu}"
            )
        if self.version not in VERSIONS:
            raise ValueError(f"a mark has version {VERSIONS}, found {self.version}")

    def perturbation(
        self, scan: Scan, start: int, stop: int, budget: Budget
    ) -> NDArray[np.float32]:
        """See `Perturbation`."""
        added = self.amplitude(scan, start, stop, budget)
        added *= self.signs(scan, start, scan.hu(start, stop))
        return added

    def amplitude(self, scan: Scan, start: int, stop: int, budget: Budget) -> NDArray[np.float32]:
        """How far the mark moves each voxel of slices ``start:stop``: ``[z, y, x]``, HU."""
        strength = measure_strength(scan)
        share = _SHARE if budget.noise_fraction is None else 1.0
        most = np.float32(share) * budget.limits(scan, start, stop)
        amplitudes = np.empty((stop - start, *scan.shape[1:]), np.float32)
        slider = Slider(np.float32)
        for z in range(start, stop):
            hu = padded_slice(scan, z)
            mean = block_sums(hu) * np.float32(1 / BLOCK**2)
            blocks = strength.relative(local_noise(hu)[None], mean[None], slider)[0]
            blocks *= np.float32(self.strength_hu)
            amplitudes[z - start] = spread(blocks, scan.shape[1:])
        return np.minimum(amplitudes, most, out=amplitudes)

    def signs(self, scan: Scan, start: int, shown: NDArray[np.float32]) -> NDArray[np.float32]:
        """The signs of some slices' voxels, ``[z, y, x]``, +1 or -1.

        Args:
            scan: for its grid.
            start: number of the first of the slices.
            shown: what they show, HU, the mark apart, ``[z, y, x]``.
        """
        pattern = Pattern.of(self.key, self.identity, scan, self.version)
        numbers = range(start, start + len(shown))
        drawn = np.empty_like(shown)
        for hu, z, position, out in zip(
            shown, numbers, slice_positions(scan.geometry, numbers), drawn, strict=True
        ):
            out[...] = pattern.drawn_for(_means(hu), position, end_variant(z, scan.shape[0]))
        return drawn


@dataclass(frozen=True)
class WithMark:
    """Perturbations, and the mark of what they leave; a `Perturbation`.

    The perturbations are held back where they would take the mark's room: where they alone fill
    the budget, the budget would cut off half of the mark.

    Attributes:
        mark: of the series.
        others: what is added besides.
    """

    mark: Mark
    others: tuple[Perturbation, ...]

    def perturbation(
        self, scan: Scan, start: int, stop: int, budget: Budget
    ) -> NDArray[np.float32]:
        """See `Perturbation`."""
        amplitude = self.mark.amplitude(scan, start, stop, budget)
        room = budget.limits(scan, start, stop) - amplitude
        total = np.zeros_like(amplitude)
        for other in self.others:
            total += other.perturbation(scan, start, stop, budget)
        held = np.clip(total, -room, room, out=total)
        # Padding will stay as it is, whatever is added to it.
        held[scan.is_padding(start, stop)] = 0
        amplitude *= self.mark.signs(scan, start, scan.hu(start, stop) + held)
        amplitude += held
        return amplitude


def _means(hu: NDArray[np.float32]) -> Blocks:
    """Means of the blocks of a slice, as the detector will take them, HU."""
    values = np.nan_to_num(hu, nan=AIR_HU, posinf=AIR_HU, neginf=AIR_HU)
    np.clip(values, np.float32(AIR_HU), np.float32(HIGHEST_HU), out=values)
    means: Blocks = block_sums(grown(values))
    means *= np.float32(1 / BLOCK**2)
    return means
