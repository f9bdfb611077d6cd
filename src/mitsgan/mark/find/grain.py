"""Places whose finest grain is unlike that around them: whatever was painted there, no mark shows.

The louder the grain of a place, the less its mark weighs, until nothing is expected of it and
nothing is missed; the smoother it is, the fewer of small places are found. So the grain itself is
looked at. An edge is loud in some blocks of a window, paint in all of them: louder is a window
whose harmonic mean is, which the quiet blocks decide; smoother is one whose mean is, which the loud
ones decide.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mitsgan.mark.find.hidden.doubtful import Louder
from mitsgan.mark.find.noise import VOXELS, Cells, Mask, Noise
from mitsgan.mark.find.settings import Detector
from mitsgan.mark.sliding import SLAB, Slider, covered
from mitsgan.mark.windows import Window, window
from mitsgan.slabs import slab_by_slab

_LEAST = np.float32(0.05)
"""Added to the grain of a block before it is inverted: a single flat one must not decide."""


def relative_grain(squares: Cells, noise: Noise) -> Cells:
    """Variance of the residual of each block alone, as a share of that around.

    Args:
        squares: sums of the squared residual, of the four units of each block.
        noise: of the residual.
    """
    grain = np.empty_like(squares)

    def divide(start: int, stop: int) -> None:
        part = slice(start, stop)
        around = np.maximum(noise.around[part], np.float32(1e-6))
        around *= np.float32(VOXELS)
        np.divide(squares[part], around, out=grain[part])

    list(slab_by_slab(divide, len(grain), SLAB))
    return grain


def unlike_places(
    grain: Cells,
    around: Cells,
    counted: Mask,
    spacing: tuple[float, float, float],
    settings: Detector,
) -> tuple[Mask, Mask, list[Louder]]:
    """Blocks of windows that are louder, and of those that are smoother, than what is around.

    And windows that are louder by less, which alone says nothing.

    Args:
        grain: see `relative_grain`.
        around: variance around each block, HU squared.
        counted: blocks that count.
        spacing: of the voxels, mm ``[z, y, x]``.
        settings: of the detector.
    """
    places = _Places(grain, counted, settings.grain_share)
    louder, smoother = np.zeros_like(counted), np.zeros_like(counted)
    rather: list[Louder] = []
    for side_mm, loudest, smoothest in settings.grains:
        depth, high, wide = window(side_mm, spacing)
        side = depth, max(high, settings.grain_blocks), max(wide, settings.grain_blocks)
        limits = loudest, *settings.doubtful_grains
        (loud, *less), smooth = places.windows(side, limits, smoothest)
        for centres, blocks in ((loud, louder), (smooth, smoother)):
            if centres.any():
                blocks |= covered(centres, side)
        rather += [Louder(centres, side) for centres in less]
    louder &= counted
    smoother &= counted & (around > settings.grain_floor)
    body = max(int(np.count_nonzero(counted)), 1)
    if np.count_nonzero(smoother) > settings.smooth_scan * body:
        smoother[...] = False  # no paint, but a scan with smooth places all over
    return louder, smoother, rather


class _Places:
    """Goes over a scan slab by slab.

    Args:
        grain: of every block.
        counted: blocks that count.
        share: of a window's blocks that must.
    """

    def __init__(self, grain: Cells, counted: Mask, share: float) -> None:
        self._grain, self._counted, self._share = grain, counted, share
        self._ones = counted.astype(np.float32)
        self._inverse = self._ones / (grain + _LEAST)
        self._slider = Slider(np.float32, 3)

    def windows(
        self, side: Window, loudest: Sequence[float], smoothest: float
    ) -> tuple[list[Mask], Mask]:
        """Centres of windows that are louder than each of some limits, and smoother than one."""
        louder = [np.empty_like(self._counted) for _ in loudest]
        smooth = np.empty_like(self._counted)
        least = np.float32(self._share * np.prod(side))
        _, rows, columns = self._grain.shape

        def look(start: int, stop: int) -> None:
            slider = self._slider
            number = slider.sums(self._ones, side, start, stop, 0)
            inverse = slider.sums(self._inverse, side, start, stop, 1)
            total = slider.sums(self._grain, side, start, stop, 2, self._counted)
            full = number >= least
            for loud, limit in zip(louder, loudest, strict=True):
                is_loud = full & (inverse * np.float32(limit) < number)
                loud[start:stop] = is_loud[:, :rows, :columns]
            is_smooth = full & (total < np.float32(smoothest) * number)
            smooth[start:stop] = is_smooth[:, :rows, :columns]

        list(slab_by_slab(look, len(self._grain), SLAB))
        return louder, smooth
