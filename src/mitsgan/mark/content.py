"""The part of the pattern that depends on what a slice shows.

The plane is cut into cells of about 8 mm. The mean of each cell, told in steps of 50 HU, decides on
its signs: whoever changes what a cell shows, and keeps its finest detail, holds the signs of
another content in his hands. The mark itself moves no mean, for within a unit its signs alternate.

Only the key tells where the cells lie and where each one's steps end. There are four layouts, by
turns that the key decides on, so that what one slice hides another one tells; and no more than
four, so that a slice whose position is in doubt can be read in all of them.

Source of the cipher: AES-256 (FIPS 197), used as a pseudorandom function of one block.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import ECB
from numpy.typing import NDArray

from mitsgan.mark.windows import BLOCK, UNIT, window

CELL_MM = 8.0
"""Side of a cell. Of 5 mm, thick slices of a sharp kernel lose a third of the mark to blur."""

STEP_HU = 50.0
"""What a step spans. Of 100 HU, a third of evading removals more are missed."""

LAYOUTS = 4

HIGHEST_HU = 1500.0
"""Voxels count as no denser, as in the detector."""

_ORDER, _SHIFT, _LIMITS, _SIGNS = range(4)
"""What a block of the cipher is for."""

_BLOCK = np.dtype(
    [
        ("use", "u1"),
        ("layout", "u1"),
        ("part", "<u2"),
        ("row", "<u2"),
        ("column", "<u2"),
        ("value", "<i8"),
    ]
)
_BITS = 8 * _BLOCK.itemsize

Blocks = NDArray[np.float32]
"""One value per block of a slice, or of a part of it, ``[y, x]``."""

Value = TypeVar("Value", bound=np.generic)

Corner = tuple[int, int]
"""Row and column of a part's first block."""


@dataclass(frozen=True)
class Steps:
    """What some cells show.

    Attributes:
        numbers: of the steps that their means lie in, ``[y, x]``.
        above: how far above the step's lower limit, HU, ``[y, x]``.
    """

    numbers: NDArray[np.int64]
    above: Blocks


@dataclass(frozen=True)
class _Layout:
    """Where cells lie.

    Attributes:
        number: of the layout.
        shift: how many blocks of the first cell lie before the slice, along y and x.
        limits: by how much the steps of each cell are moved, HU, ``[y, x]``.
    """

    number: int
    shift: tuple[int, int]
    limits: Blocks


class ContentSigns:
    """Signs by content, for one series on one grid.

    Args:
        secret: 32 bytes that no other series shares.
        shape: rows and columns of voxels.
        spacing: of the voxels, mm ``[z, y, x]``.
    """

    def __init__(
        self, secret: bytes, shape: tuple[int, int], spacing: tuple[float, float, float]
    ) -> None:
        self._cipher = Cipher(AES256(secret), ECB())
        self._cell = window(CELL_MM, spacing)[1:]
        self._blocks = -(-shape[0] // BLOCK), -(-shape[1] // BLOCK)
        self._layouts = [self._lay_out(number) for number in range(LAYOUTS)]

    def layout_of(self, position: int) -> int:
        """Which layout the slice at a position (1/100 mm) has."""
        return int(self._draw(_ORDER, value=position)[0] % LAYOUTS)

    def look(self, means: Blocks, layout: int, corner: Corner = (0, 0)) -> Steps:
        """Which steps the cells of a slice lie in.

        Args:
            means: of the blocks of a slice, or of a part of it, HU; voxels from air to
                `HIGHEST_HU`.
            layout: of the slice.
            corner: where the part begins.
        """
        cells = self._layouts[layout]
        rows, columns = self._cells(means.shape, layout, corner)
        values = _averages(means, rows, columns)
        values += cells.limits[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        numbers = np.floor(values * np.float32(1 / STEP_HU))
        values -= numbers * np.float32(STEP_HU)
        return Steps(numbers.astype(np.int64), values)

    def steepness(self, means: Blocks, layout: int, corner: Corner = (0, 0)) -> Blocks:
        """How much of an edge runs along the border of each cell, HU, ``[y, x]``; see `look`.

        What smooths a scan moves means by so much, times a number that hangs on the filter.
        """
        rows, columns = self._cells(means.shape, layout, corner)
        steep = _averages(_curvature(means), rows, columns)
        return np.abs(steep, out=steep)

    def signs(
        self,
        numbers: NDArray[np.int64],
        layout: int,
        size: tuple[int, int],
        corner: Corner = (0, 0),
    ) -> NDArray[np.float32]:
        """The signs of units, +1 or -1, ``[2 rows, 2 columns]`` of blocks.

        Args:
            numbers: of the steps that the cells lie in.
            layout: of the slice.
            size: rows and columns of blocks.
            corner: where these begin.
        """
        rows, columns = self._cells(size, layout, corner)
        high, wide = (side * BLOCK // UNIT for side in self._cell)
        parts = -(-high * wide // _BITS)
        drawn = self._draw(
            _SIGNS,
            layout=layout,
            part=np.arange(parts),
            row=np.arange(rows[0], rows[-1] + 1)[:, None, None],
            column=np.arange(columns[0], columns[-1] + 1)[:, None],
            value=numbers[:, :, None],
        )
        bits = np.unpackbits(drawn.reshape(*numbers.shape, -1), axis=2)[:, :, : high * wide]
        signs = bits.reshape(*numbers.shape, high, wide).transpose(0, 2, 1, 3)
        signs = signs.reshape(numbers.shape[0] * high, numbers.shape[1] * wide)
        first = [
            (at + shift) % side * (BLOCK // UNIT)
            for at, shift, side in zip(corner, self._layouts[layout].shift, self._cell, strict=True)
        ]
        within = signs[
            first[0] : first[0] + size[0] * (BLOCK // UNIT),
            first[1] : first[1] + size[1] * (BLOCK // UNIT),
        ].astype(np.float32)
        within *= -2
        within += 1
        return within

    def spread(
        self,
        values: NDArray[Value],
        layout: int,
        size: tuple[int, int],
        corner: Corner = (0, 0),
    ) -> NDArray[Value]:
        """One value per cell to one per block, ``[y, x]``; see `signs`."""
        rows, columns = self._cells(size, layout, corner)
        return values[np.ix_(rows - rows[0], columns - columns[0])]

    def whole(
        self, layout: int, size: tuple[int, int], corner: Corner = (0, 0)
    ) -> NDArray[np.bool_]:
        """Which cells of a part of a slice lie in it as far as in the slice, ``[y, x]``."""
        inside = []
        for at, count, moved, side, blocks in zip(
            corner, size, self._layouts[layout].shift, self._cell, self._blocks, strict=True
        ):
            first, last = (at + moved) // side, (at + count - 1 + moved) // side
            start = np.maximum(np.arange(first, last + 1) * side - moved, 0)
            stop = np.minimum(np.arange(first + 1, last + 2) * side - moved, blocks)
            inside.append((start >= at) & (stop <= at + count))
        return np.logical_and.outer(*inside)

    def _cells(
        self, size: tuple[int, ...], layout: int, corner: Corner
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """For each row and column of blocks, which row and column of cells it lies in."""
        shift = self._layouts[layout].shift
        rows, columns = (
            (at + moved + np.arange(count)) // side
            for at, moved, count, side in zip(corner, shift, size, self._cell, strict=True)
        )
        return rows, columns

    def _lay_out(self, number: int) -> _Layout:
        first = self._draw(_SHIFT, layout=number)
        shift = int(first[0]) % self._cell[0], int(first[1]) % self._cell[1]
        rows, columns = (
            -(-(blocks + side - 1) // side)
            for blocks, side in zip(self._blocks, self._cell, strict=True)
        )
        drawn = self._draw(
            _LIMITS, layout=number, row=np.arange(rows)[:, None], column=np.arange(columns)
        )
        fine = drawn[..., 0].astype(np.float32) + drawn[..., 1].astype(np.float32) / 256
        return _Layout(number, shift, (fine * np.float32(STEP_HU / 256)).astype(np.float32))

    def _draw(self, use: int, **fields: int | NDArray[np.integer]) -> NDArray[np.uint8]:
        """16 pseudorandom bytes for each combination of fields."""
        shape = np.broadcast_shapes(*(np.shape(value) for value in fields.values()))
        blocks = np.zeros(shape, _BLOCK)
        blocks["use"] = use
        for name, value in fields.items():
            blocks[name] = value
        drawn = self._cipher.encryptor().update(blocks.tobytes())
        return np.frombuffer(drawn, np.uint8).reshape(*shape, _BLOCK.itemsize)


def _averages(blocks: Blocks, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> Blocks:
    """Means over cells; for each row and column of blocks, the one of cells that it lies in."""
    sums = np.add.reduceat(blocks, _starts(rows), axis=0)
    sums = np.add.reduceat(sums, _starts(columns), axis=1)
    counts = np.outer(np.unique_counts(rows).counts, np.unique_counts(columns).counts)
    return np.asarray(sums / counts, np.float32)


def _starts(numbers: NDArray[np.intp]) -> NDArray[np.intp]:
    """Where each of some ascending numbers begins."""
    return np.flatnonzero(np.diff(numbers, prepend=numbers[0] - 1))


def _curvature(means: Blocks) -> Blocks:
    """By how much the four blocks beside each one differ from it, added up, HU."""
    framed = np.pad(means, 1, mode="edge")
    beside = framed[:-2, 1:-1] + framed[2:, 1:-1]
    beside += framed[1:-1, :-2]
    beside += framed[1:-1, 2:]
    beside -= 4 * means
    return np.asarray(beside)
