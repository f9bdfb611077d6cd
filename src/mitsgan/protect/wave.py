"""A plane wave that the attackers' own sampling folds onto their cubes: no network, no training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from mitsgan.protect.aerated import LungPattern, Pattern
from mitsgan.protect.patches import PATCH
from mitsgan.protect.protector import register
from mitsgan.scan.scan import Scan

CYCLES_PER_MM = 15 / 32
"""Attackers see cubes of 32 samples at 1 mm and halve them five times. This wave lies one cycle per
cube below the middle of their band, and halving without a filter folds it to a wave as long as the
cube. Of the plane waves along the axes it disrupts most; see docs/decisions/wave.md."""

FINEST_CYCLES = 0.46
"""Per pixel: a wave finer than this is none on the scan's own pixels."""


@register
@dataclass(frozen=True)
class LungWave(LungPattern):
    """Plus and minus the budget in turn from front to back, in aerated lung alone.

    The phase follows from the seed. Computing it costs no more than noise; a reader of the code, or
    of the scan's spectrum, can filter it out, and so does any smoothing over more than a pixel.
    """

    name: ClassVar[str] = "wave"
    title: ClassVar[str] = "an aliasing wave"
    summary: ClassVar[str] = (
        "plus and minus the budget along one axis, at a frequency that attackers alias; no network"
    )

    seed: int = 0

    def pattern(self, scan: Scan) -> Pattern:
        """See `LungPattern.pattern`."""
        signs = np.where(wave_of_rows(scan, self.seed) < 0, -1, 1).astype(np.float32)[:, None]
        return lambda _, box: signs[box[0]]


def wave_of_rows(scan: Scan, seed: int) -> NDArray[np.float64]:
    """``[y]`` in -1 to 1: the wave from front to back, with a phase that follows from the seed."""
    pixel = scan.spacing[1]
    cycles = min(CYCLES_PER_MM * pixel, FINEST_CYCLES) * np.arange(scan.shape[1])
    phase = np.random.default_rng(seed).random()
    return np.asarray(np.sin(2 * np.pi * (cycles + phase)))


def wave_basis(
    waves: Sequence[float], patches: int, pixel_mm: float, phase_mm: float
) -> NDArray[np.float32]:
    """Cosines, then sines, of waves at the pixels of a row of patches.

    Args:
        waves: cycles per mm; one finer than the pixels can hold becomes the finest that they hold.
        patches: how many.
        pixel_mm: size of a pixel.
        phase_mm: where the first pixel lies.

    Returns:
        ``[patches, 2 x waves, PATCH]``.
    """
    where = phase_mm + pixel_mm * np.arange(patches * PATCH)
    cycles = np.minimum(waves, FINEST_CYCLES / pixel_mm)
    angles = 2 * np.pi * cycles[:, None] * where
    basis = np.concatenate((np.cos(angles), np.sin(angles))).astype(np.float32)
    return basis.reshape(-1, patches, PATCH).swapaxes(0, 1)
