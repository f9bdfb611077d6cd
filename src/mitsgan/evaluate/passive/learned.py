"""The small network as a passive detector: all of the lung, patch by patch, in slices at once."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from mitsgan.anatomy.grain import Grain, scan_grain
from mitsgan.evaluate.passive.score_map import Box, ScoreMap, Scores
from mitsgan.evaluate.passive.search import Array
from mitsgan.networks.detector import (
    SIDE,
    SLICES,
    STEP,
    TamperingDetector,
    slices_apart,
)
from mitsgan.scan.scan import AIR_HU, Scan

_SMOOTHED_MM = 8.0
"""Logits are averaged over so much: attackers paint cores of 20 mm."""


@dataclass(frozen=True, eq=False)
class LearnedSearch:
    """Of one scan; a `Search`.

    Attributes:
        detector: the network.
        grain: of the scan.
        logits: ``[z, y, x]``, of every patch in the box that holds the lung.
        box: the box, voxels.
        depth: slices of the scan.
    """

    detector: TamperingDetector
    grain: Grain
    logits: Scores
    box: Box
    depth: int

    @property
    def scores(self) -> ScoreMap:
        """See `Search`."""
        return self._map(self.logits)

    def again(self, hu: Array, box: Box) -> ScoreMap:
        """See `Search`."""
        apart = slices_apart(self.grain.spacing[0])
        layers, rows, columns = (
            _patches(part, whole.start, reach, side, step, size)
            for part, whole, reach, side, step, size in zip(
                box,
                (slice(0, self.depth), *self.box[1:]),
                (apart, 0, 0),
                (1, SIDE, SIDE),
                (self._step[0], STEP, STEP),
                self.logits.shape,
                strict=True,
            )
        )
        logits = self.logits.copy()
        if rows.start >= rows.stop or columns.start >= columns.stop:
            return self.scores
        cut = tuple(
            slice(whole.start + STEP * some.start, whole.start + STEP * (some.stop - 1) + SIDE)
            for whole, some in zip(self.box[1:], (rows, columns), strict=True)
        )
        for layer in range(layers.start, layers.stop):
            z = layer * self._step[0]
            picked = [_clipped(z + n * apart, self.depth) - box[0].start for n in (-1, 0, 1)]
            plane = hu[picked][
                :,
                cut[0].start - box[1].start : cut[0].stop - box[1].start,
                cut[1].start - box[2].start : cut[1].stop - box[2].start,
            ]
            logits[layer, rows, columns] = _logits(self.detector, plane, self.grain, z, cut)
        return self._map(logits)

    @property
    def _step(self) -> tuple[int, int, int]:
        return self.grain.cell[0], STEP, STEP

    def _map(self, logits: Scores) -> ScoreMap:
        half = (SIDE - 1) / 2
        first = (0.0, self.box[1].start + half, self.box[2].start + half)
        sides = [
            max(1, 2 * round((_SMOOTHED_MM / (n * s) - 1) / 2) + 1)
            for n, s in zip(self._step, self.grain.spacing, strict=True)
        ]
        smooth = ndimage.uniform_filter(logits, sides, mode="nearest")
        whole = ScoreMap(smooth, first, self._step, self.grain.spacing)
        return replace(whole, values=np.where(self._judged(whole), smooth, np.float32(np.nan)))

    def _judged(self, whole: ScoreMap) -> NDArray[np.bool_]:
        """Whether the middle of a patch lies in the lung."""
        nearest = [
            np.clip(((np.arange(n) * step + first) // cell).astype(int), 0, size - 1)
            for n, step, first, cell, size in zip(
                whole.values.shape,
                whole.step,
                whole.first,
                self.grain.cell,
                self.grain.inside.shape,
                strict=True,
            )
        ]
        return np.asarray(self.grain.inside[np.ix_(*nearest)])


@dataclass(frozen=True)
class LearnedDetector:
    """A trained network, a `PassiveDetector`."""

    detector: TamperingDetector
    name: str = "small network"

    def search(self, scan: Scan) -> LearnedSearch:
        """See `PassiveDetector`."""
        grain = scan_grain(scan)
        rows, columns = _around_lung(grain, scan.shape)
        apart, step = slices_apart(scan.spacing[0]), grain.cell[0]
        depth = scan.shape[0]
        layers = []
        for z in range(0, depth, step):
            picked = [_clipped(z + n * apart, depth) for n in range(-1, SLICES - 1)]
            plane = np.concatenate([scan.hu(k, k + 1, (rows, columns)) for k in picked])
            layers.append(_logits(self.detector, plane, grain, z, (rows, columns)))
        box = (slice(0, depth), rows, columns)
        return LearnedSearch(self.detector, grain, np.stack(layers), box, depth)


def _logits(
    detector: TamperingDetector,
    plane: Array,
    grain: Grain,
    z: int,
    cut: tuple[slice, ...],
) -> Scores:
    """Of the patches around slice ``z``, ``[y, x]``; ``plane`` is the ``cut`` of three slices."""
    layer = min(z // grain.cell[0], grain.usual_hu.shape[0] - 1)
    nearest = [
        np.minimum(np.arange(part.start, part.stop) // n, size - 1)
        for part, n, size in zip(cut, grain.cell[1:], grain.usual_hu.shape[1:], strict=True)
    ]
    usual = grain.usual_hu[layer][np.ix_(*nearest)]
    slices = torch.from_numpy(np.nan_to_num(plane, nan=AIR_HU).clip(AIR_HU))
    logits = detector.logits(slices[None], torch.from_numpy(usual)[None])
    return np.asarray(logits[0].numpy(), np.float32)


def _around_lung(grain: Grain, shape: tuple[int, int, int]) -> tuple[slice, slice]:
    """Rows and columns of every patch whose middle lies in the lung; at least one patch."""
    parts = []
    for axis in (1, 2):
        others = tuple(a for a in range(3) if a != axis)
        where = np.flatnonzero(grain.inside.any(others)) * grain.cell[axis]
        middle = shape[axis] // 2
        low, high = (int(where[0]), int(where[-1])) if len(where) else (middle, middle)
        first = max(min(low - SIDE // 2, shape[axis] - SIDE), 0)
        parts.append(slice(first, min(high + grain.cell[axis] + SIDE // 2, shape[axis])))
    rows, columns = parts
    return rows, columns


def _clipped(z: int, depth: int) -> int:
    return min(max(z, 0), depth - 1)


def _patches(part: slice, start: int, reach: int, side: int, step: int, size: int) -> slice:
    """Patches that see nothing beyond ``part``, along one axis of the logits."""
    first = -(-(part.start + reach - start) // step) if part.start > start else 0
    last = (part.stop - reach - side - start) // step + 1
    return slice(max(first, 0), max(min(last, size), 0))
