"""A pattern for the mark whose signs also depend on what the scan shows.

The plane of every slice is cut into cells, which lie elsewhere in every slice. The mean of a
cell, in steps of some HU, is part of what its signs are drawn from: whoever moves it by a step or
more, with the finest detail kept, has the signs of another content in his hands. The mark itself
moves no mean, for within a unit its signs alternate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from mitsgan.mark import Key
from mitsgan.mark.pattern import (
    UNIT,
    end_variant,
    series_key,
    slice_factors,
    slice_positions,
    slice_signs,
)
from mitsgan.mark.strength import block_sums, padded_slice
from mitsgan.mark.windows import BLOCK, window
from mitsgan.scan.scan import Scan
from mitsgan.slabs import in_slabs

HIGHEST_HU = 1500.0
_SLAB = 16

Side = tuple[int, int]
"""Of a cell or of what it is shifted by, in blocks along y and x."""

Means = NDArray[np.float32]
"""One value per cell, HU, ``[y, x]`` or ``[z, y, x]``."""

Steps = NDArray[np.int16]
"""Numbers of the steps that the means of cells lie in, ``[z, y, x]``."""


@dataclass(frozen=True)
class Content:
    """How finely content is told.

    Attributes:
        side_mm: of a cell, in the plane.
        step_hu: what a step spans.
        secret: whether the key says where in a slice its cells lie, and where the limits between
            the steps of each cell. Without it they start in the corner, all limits are multiples
            of a step, and everybody knows both.
        near_hu: verification also tries the next step, where a mean lies this close to it.
    """

    side_mm: float
    step_hu: float
    secret: bool = True
    near_hu: float = 0.0

    def cell(self, spacing: tuple[float, float, float]) -> Side:
        """Sides of a cell in blocks, along y and x."""
        _, rows, columns = window(self.side_mm, spacing)
        return rows, columns


def cell_means(hu: NDArray[np.float32], cell: Side, shift: Side = (0, 0)) -> Means:
    """Means of the cells of a slice of whole blocks; at its borders of what there is.

    Args:
        hu: ``[y, x]``.
        cell: sides in blocks.
        shift: how many blocks of the first cells lie before the slice.
    """
    blocks = block_sums(np.minimum(hu, np.float32(HIGHEST_HU)))
    sizes = [count_cells(n, side) for n, side in zip(blocks.shape, cell, strict=True)]
    grown = np.zeros((sizes[0] * cell[0], sizes[1] * cell[1]), np.float32)
    inside = tuple(slice(s, s + n) for s, n in zip(shift, blocks.shape, strict=True))
    grown[inside] = blocks
    sums = grown.reshape(sizes[0], cell[0], sizes[1], cell[1]).sum((1, 3))
    counts = [
        np.bincount((np.arange(n) + s) // side, minlength=size)
        for n, s, side, size in zip(blocks.shape, shift, cell, sizes, strict=True)
    ]
    return np.asarray(sums / np.maximum(np.outer(*counts) * BLOCK**2, 1), np.float32)


def count_cells(blocks: int, side: int) -> int:
    """Enough of them for so many blocks, wherever the first one starts."""
    return -(-(blocks + side - 1) // side)


class ContentSigns:
    """The signs of one series.

    Args:
        key, identity: of the series, as for `mitsgan.mark.Mark`.
        scan: for its grid.
        content: how finely it is told.
    """

    def __init__(self, key: Key, identity: str, scan: Scan, content: Content) -> None:
        self._shape = scan.shape
        self._positions = slice_positions(scan.geometry, range(scan.shape[0]))
        self._cell = content.cell(scan.spacing)
        self.content = content
        # HKDF once for each step: what is drawn for one step says nothing of any other.
        self._series = cache(lambda step: series_key(key, f"{identity}|content step {step}"))
        counts = [
            count_cells(-(-length // BLOCK), side)
            for length, side in zip(scan.shape[1:], self._cell, strict=True)
        ]
        dither = np.zeros((scan.shape[0], *counts), np.float32)
        self._shifts = [(0, 0)] * scan.shape[0]
        if content.secret:
            secrets = [series_key(key, f"{identity}|content {use}") for use in ("limits", "cells")]
            for z, position in enumerate(self._positions):
                dither[z] = _uniform(secrets[0], position, (counts[0], counts[1]))
                y, x = _uniform(secrets[1], position, (1, 2))[0]
                self._shifts[z] = int(y * self._cell[0]), int(x * self._cell[1])
        self._dither = dither * np.float32(content.step_hu)

    def steps(self, scan: Scan) -> Steps:
        """Which steps the cells of a scan lie in."""
        return self._told(scan)[0]

    def with_next(self, scan: Scan) -> tuple[Steps, Steps]:
        """The same, and the next step where it is near, else the same again."""
        steps, inside = self._told(scan)
        near = np.float32(self.content.near_hu)
        below, above = inside < near, self.content.step_hu - inside < near
        return steps, (steps + above - (below & ~above)).astype(np.int16)

    def means(self, scan: Scan) -> Means:
        """Means of the cells of all slices, ``[z, y, x]``."""

        def slab(start: int, stop: int) -> list[Means]:
            return [
                cell_means(padded_slice(scan, z), self._cell, self._shifts[z])
                for z in range(start, stop)
            ]

        return np.stack([part for parts in in_slabs(slab, scan.shape[0], _SLAB) for part in parts])

    def _told(self, scan: Scan) -> tuple[Steps, Means]:
        values = self.means(scan) + self._dither
        steps = np.floor(values / np.float32(self.content.step_hu))
        return steps.astype(np.int16), values - steps * np.float32(self.content.step_hu)

    def factors(self, steps: Steps, z: int) -> NDArray[np.float32]:
        """Signs of the units of slice ``z``, as `mitsgan.mark.pattern.slice_factors` gives them."""
        depth, rows, columns = self._shape
        units = [BLOCK // UNIT * side for side in self._cell]
        y, x = (BLOCK // UNIT * shift for shift in self._shifts[z])
        wide = np.repeat(np.repeat(steps[z], units[0], axis=0), units[1], axis=1)[y:, x:]
        position, variant = self._positions[z], end_variant(z, depth)
        found = np.empty((-(-rows // UNIT), -(-columns // UNIT)), np.int8)
        wide = wide[: found.shape[0], : found.shape[1]]
        for step in np.unique(steps[z]):
            drawn = slice_signs(self._series(int(step)), position, (rows, columns), variant)
            np.copyto(found, drawn, where=wide == step)
        return found.astype(np.float32)

    def signs(self, steps: Steps) -> NDArray[np.int8]:
        """Signs of all voxels, ``[z, y, x]``."""
        depth, rows, columns = self._shape
        found = np.empty(self._shape, np.int8)
        for z in range(depth):
            units = self.factors(steps, z).astype(np.int8)
            wide = np.repeat(np.repeat(units, UNIT, axis=0), UNIT, axis=1)[:rows, :columns]
            wide[0::2, 1::2] *= -1
            wide[1::2, 0::2] *= -1
            found[z] = wide
        return found

    def sums(self, blocks: NDArray[np.float32], offset: Sequence[int]) -> NDArray[np.float32]:
        """Sums over the cells, spread over their blocks again.

        Args:
            blocks: ``[z, y, x]`` of a box.
            offset: the box's first row and column, in blocks.
        """
        found = np.empty_like(blocks)
        for z, shift in enumerate(self._shifts):
            part = blocks[z]
            for axis, side in enumerate(self._cell):
                number = (offset[axis] + shift[axis] + np.arange(part.shape[axis])) // side
                starts = np.flatnonzero(np.diff(number, prepend=-1))
                totals = np.add.reduceat(part, starts, axis=axis)
                part = np.take(totals, number - number[0], axis=axis)
            found[z] = part
        return found


def _uniform(secret: bytes, position: int, shape: tuple[int, int]) -> NDArray[np.float32]:
    """Keyed numbers from 0 to 1, in steps of 1/256."""
    # A row of eight signs is a byte; a unit of a slice takes one.
    bits = slice_factors(secret, position, (UNIT * shape[0], UNIT * 8 * shape[1])) > 0
    return np.packbits(bits).reshape(shape).astype(np.float32) / np.float32(256)
