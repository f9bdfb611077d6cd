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
from mitsgan.slabs import per_thread

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
        shift: how many blocks of the first cell lie before the slice, along y and x.
        limits: by how much the steps of each cell are moved, HU, ``[y, x]``.
    """

    shift: tuple[int, int]
    limits: Blocks


@dataclass(frozen=True)
class _Grid:
    """How a part of a slice is cut into cells: the same for every slice of a layout.

    Attributes:
        rows, columns: for each row and column of blocks, which one of the part's cells it lies in.
        starts: rows and columns of blocks at which cells begin.
        counts: of blocks in each cell of the part, ``[y, x]``.
        limits: see `_Layout`.
        whole: which cells lie in the part as far as in the slice.
        first: by how many units the first cell begins before the part, along y and x.
        blocks: of the cipher, ``[y, x, parts]``, but for the values.
    """

    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    starts: tuple[NDArray[np.intp], NDArray[np.intp]]
    counts: NDArray[np.int64]
    limits: Blocks
    whole: NDArray[np.bool_]
    first: tuple[int, int]
    blocks: NDArray[np.void]

    def averages(self, values: Blocks) -> Blocks:
        """Means over cells, ``[y, x]``."""
        sums = np.add.reduceat(values, self.starts[0], axis=0)
        sums = np.add.reduceat(sums, self.starts[1], axis=1)
        return np.asarray(sums / self.counts, np.float32)


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
        cipher = Cipher(AES256(secret), ECB())
        self._encryptor = per_thread(cipher.encryptor)
        self._cell = window(CELL_MM, spacing)[1:]
        self._blocks = -(-shape[0] // BLOCK), -(-shape[1] // BLOCK)
        self._layouts = [self._lay_out(number) for number in range(LAYOUTS)]
        self._grids: dict[tuple[int, tuple[int, int], Corner], _Grid] = {}

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
        grid = self._grid(layout, (means.shape[0], means.shape[1]), corner)
        values = grid.averages(means)
        values += grid.limits
        numbers = np.floor(values * np.float32(1 / STEP_HU))
        values -= numbers * np.float32(STEP_HU)
        return Steps(numbers.astype(np.int64), values)

    def steepness(self, means: Blocks, layout: int, corner: Corner = (0, 0)) -> Blocks:
        """How much of an edge runs along the border of each cell, HU, ``[y, x]``; see `look`.

        What smooths a scan moves means by so much, times a number that hangs on the filter.
        """
        grid = self._grid(layout, (means.shape[0], means.shape[1]), corner)
        steep = grid.averages(_curvature(means))
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
        grid = self._grid(layout, size, corner)
        high, wide = (side * BLOCK // UNIT for side in self._cell)
        blocks = grid.blocks.copy()
        blocks["value"] = numbers[:, :, None]
        bits = np.unpackbits(self._ciphered(blocks).reshape(*numbers.shape, -1), axis=2)
        signs = bits[:, :, : high * wide].reshape(*numbers.shape, high, wide).transpose(0, 2, 1, 3)
        signs = signs.reshape(numbers.shape[0] * high, numbers.shape[1] * wide)
        within = signs[
            grid.first[0] : grid.first[0] + size[0] * (BLOCK // UNIT),
            grid.first[1] : grid.first[1] + size[1] * (BLOCK // UNIT),
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
        grid = self._grid(layout, size, corner)
        return values.take(grid.rows, 0).take(grid.columns, 1)

    def whole(
        self, layout: int, size: tuple[int, int], corner: Corner = (0, 0)
    ) -> NDArray[np.bool_]:
        """Which cells of a part of a slice lie in it as far as in the slice, ``[y, x]``."""
        return self._grid(layout, size, corner).whole

    def _grid(self, layout: int, size: tuple[int, int], corner: Corner) -> _Grid:
        found = self._grids.get((layout, size, corner))
        if found is None:  # two threads may make the same one
            found = self._grids[layout, size, corner] = self._cut(layout, size, corner)
        return found

    def _cut(self, number: int, size: tuple[int, int], corner: Corner) -> _Grid:
        """The cells of a part of a slice: its size in blocks, and where it begins."""
        layout = self._layouts[number]
        cells, inside, first = [], [], []
        for at, count, moved, side, last in zip(
            corner, size, layout.shift, self._cell, self._blocks, strict=True
        ):
            cells.append((at + moved + np.arange(count)) // side)
            there = np.arange(cells[-1][0], cells[-1][-1] + 1)
            start = np.maximum(there * side - moved, 0)
            stop = np.minimum((there + 1) * side - moved, last)
            inside.append((start >= at) & (stop <= at + count))
            first.append((at + moved) % side * (BLOCK // UNIT))
        rows, columns = cells
        high, wide = (side * BLOCK // UNIT for side in self._cell)
        blocks = self._blocks_of(
            _SIGNS,
            layout=number,
            part=np.arange(-(-high * wide // _BITS)),
            row=np.arange(rows[0], rows[-1] + 1)[:, None, None],
            column=np.arange(columns[0], columns[-1] + 1)[:, None],
        )
        return _Grid(
            rows=rows - rows[0],
            columns=columns - columns[0],
            starts=(_starts(rows), _starts(columns)),
            counts=np.outer(np.bincount(rows - rows[0]), np.bincount(columns - columns[0])),
            limits=layout.limits[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1],
            whole=np.logical_and.outer(*inside),
            first=(first[0], first[1]),
            blocks=blocks,
        )

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
        return _Layout(shift, (fine * np.float32(STEP_HU / 256)).astype(np.float32))

    def _draw(self, use: int, **fields: int | NDArray[np.integer]) -> NDArray[np.uint8]:
        """16 pseudorandom bytes for each combination of fields."""
        return self._ciphered(self._blocks_of(use, **fields))

    @staticmethod
    def _blocks_of(use: int, **fields: int | NDArray[np.integer]) -> NDArray[np.void]:
        """A block of the cipher for each combination of fields."""
        blocks = np.zeros(np.broadcast_shapes(*(np.shape(v) for v in fields.values())), _BLOCK)
        blocks["use"] = use
        for name, value in fields.items():
            blocks[name] = value
        return blocks

    def _ciphered(self, blocks: NDArray[np.void]) -> NDArray[np.uint8]:
        """16 pseudorandom bytes for each block."""
        drawn = self._encryptor().update(blocks.tobytes())
        return np.frombuffer(drawn, np.uint8).reshape(*blocks.shape, _BLOCK.itemsize)


def _starts(numbers: NDArray[np.intp]) -> NDArray[np.intp]:
    """Where each of some ascending numbers begins."""
    return np.flatnonzero(np.diff(numbers, prepend=numbers[0] - 1))


def _curvature(means: Blocks) -> Blocks:
    """By how much the four blocks beside each one differ from it, added up, HU."""
    framed = np.empty((means.shape[0] + 2, means.shape[1] + 2), means.dtype)
    framed[1:-1, 1:-1] = means
    framed[0, 1:-1], framed[-1, 1:-1] = means[0], means[-1]  # the corners are never looked at
    framed[1:-1, 0], framed[1:-1, -1] = means[:, 0], means[:, -1]
    beside = framed[:-2, 1:-1] + framed[2:, 1:-1]
    beside += framed[1:-1, :-2]
    beside += framed[1:-1, 2:]
    beside -= 4 * means
    return np.asarray(beside)
