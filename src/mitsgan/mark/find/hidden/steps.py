"""Every second slice, and every third, looked at alone: who repaints only these leaves most marks.

Half of a mark, or two thirds, pass for a mark that is somewhat uneven. In the slices that were
repainted all of it is missing, and those are some steps apart. Windows slide over tiles of 2 x 2
blocks: one that is a block off still lies mostly in what was painted, and there are four times
fewer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mitsgan.mark.find.expected import Evidence
from mitsgan.mark.find.noise import Cells, Mask
from mitsgan.mark.find.settings import Detector
from mitsgan.mark.find.wear.unevenness import unevenness
from mitsgan.mark.sliding import Slider, covered, sliding_sums, tiles
from mitsgan.mark.windows import Window, block_spacing

TILE: Window = (1, 2, 2)
"""Blocks of a tile."""

Sums = NDArray[np.float32]
"""One value per tile, ``[z, y, x]``."""


@dataclass(frozen=True)
class Steps:
    """The slices of a scan that are a few steps apart.

    Attributes:
        evidence: of the whole scan.
        windows_of: how many steps slices are apart, and the window's sides in tiles of such slices.
        body, products, expected: sums over the tiles of all slices.
        settings: of the detector.
    """

    evidence: Evidence
    windows_of: tuple[tuple[int, Window], ...]
    body: Sums
    products: Sums
    expected: Sums
    settings: Detector

    @classmethod
    def of(
        cls, evidence: Evidence, spacing: tuple[float, float, float], settings: Detector
    ) -> Steps:
        """Of the evidence of a scan.

        Args:
            evidence: of the whole scan.
            spacing: of voxels, mm ``[z, y, x]``.
            settings: of the detector.
        """
        depth_mm, *plane_mm = block_spacing(spacing)
        sides = []
        for step, side_mm in settings.steps:
            tile_mm = step * depth_mm, *(n * mm for n, mm in zip(TILE[1:], plane_mm, strict=True))
            z, y, x = (max(1, round(side_mm / mm)) for mm in tile_mm)
            if step < len(evidence.body):
                sides.append((step, (z, y, x)))
        body, products, expected = (
            tiles(part, TILE) for part in (evidence.body, evidence.products, evidence.expected)
        )
        return cls(evidence, tuple(sides), body, products, expected, settings)

    @property
    def windows(self) -> int:
        """How many there are."""
        return len(self.windows_of) * int(np.count_nonzero(self.body))

    def shortfall(self, least: float) -> Cells | None:
        """By how much the windows around each block fall short, where one raised the alarm.

        Args:
            least: standard deviations that no untouched window falls short by.

        Returns:
            ``[z, y, x]`` of blocks, 0 where none did; nothing, if none did anywhere.
        """
        evidence = self.evidence
        granted = max(evidence.dispersion, self.settings.granted(evidence.survived_hu))
        slider, whole = Slider(np.float32, 2), None
        _, rows, columns = self.body.shape
        for step, side in self.windows_of:
            for first in range(step):
                some = slice(first, None, step)
                total, mean = (
                    slider.sums(part[some], side, 0, len(part[some]), number)
                    for number, part in enumerate((self.products, self.expected))
                )
                suspect = self._suspect(total, mean, granted, least)
                if not suspect[:, :rows, :columns].any():
                    continue
                # Only now, as it takes time: most scans have no such window.
                found = self._fallen(some, side, granted, least)
                if found is not None:
                    whole = np.zeros(evidence.body.shape, np.float32) if whole is None else whole
                    np.maximum(whole, self._in_every_slice(found, first, step, side), out=whole)
        return whole

    def _suspect(self, total: Sums, mean: Sums, granted: float, least: float) -> Mask:
        """Windows that lack so much of the mark, were its noise no more than expected."""
        suspect: Mask = total < np.float32(self.settings.kept_share) * mean
        suspect &= mean > np.float32(least**2)
        if suspect.any():
            spread = mean + np.square(np.float32(granted) * mean)
            suspect &= np.square(mean - total) > np.float32(least**2) * spread
        return suspect

    def _fallen(self, some: slice, side: Window, granted: float, least: float) -> Sums | None:
        """What windows of one size fall short by, per tile of some slices."""
        total, mean = (sliding_sums(part[some], side) for part in (self.products, self.expected))
        suspect = self._suspect(total, mean, granted, least)
        part = _sliced(self.evidence, some)
        blocks = side[0], side[1] * TILE[1], side[2] * TILE[2]
        uneven = max(unevenness(part, part.body, blocks, self.settings), granted)
        variance = sliding_sums(tiles(part.variances, TILE), side)
        filled = sliding_sums(self.body[some], side)
        spread = np.sqrt(np.maximum(variance, mean) + np.square(np.float32(uneven) * mean))
        short = (mean - total) / np.maximum(spread, np.float32(1e-3))
        suspect &= (short > least) & (mean > np.float32(least) * spread)
        suspect &= filled >= np.float32(self.settings.body_share * np.prod(blocks))
        return short * suspect if suspect.any() else None

    def _in_every_slice(self, short: Sums, first: int, step: int, side: Window) -> Cells:
        """Windows around tiles of some slices, as the blocks of all slices that they reach."""
        shape = self.evidence.body.shape
        every = np.zeros((shape[0], *short.shape[1:]), np.float32)
        every[first::step] = short
        every = covered(every, (step * (side[0] - 1) + 1, *side[1:]))
        for axis in (1, 2):
            every = every.repeat(TILE[axis], axis)
        return np.asarray(every[:, : shape[1], : shape[2]])


def _sliced(evidence: Evidence, some: slice) -> Evidence:
    """The evidence of some slices: views, nothing is copied."""
    return replace(
        evidence,
        products=evidence.products[some],
        variances=evidence.variances[some],
        expected=evidence.expected[some],
        body=evidence.body[some],
        dense=evidence.dense[some],
        lost=evidence.lost[some],
    )
