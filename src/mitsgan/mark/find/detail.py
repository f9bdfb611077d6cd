"""The finest detail of one slice: means and noise of its blocks, and its units, filtered.

All of it follows from differences of neighbours. Where stored values are HU but for a constant,
which nearly all are, those are small whole numbers: computed as 16 bits, in half the time.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mitsgan.mark.strength import Blocks, block_sums, noise_of, padded_slice
from mitsgan.mark.windows import BLOCK
from mitsgan.scan.scan import AIR_HU, Scan

Units = NDArray[np.float32]
"""One value per unit of a slice, ``[rows / 2, columns / 2]``."""

Values = NDArray[Any]
"""``[y, x]``: 16-bit integers where HU are whole numbers but for a constant, else HU as floats."""

Box = tuple[slice, slice]

_HIGHEST_HU = 1500.0
_LARGEST = 8191
"""Four values no larger add up to one of 16 bits."""


def clipped(scan: Scan, z: int, box: Box) -> tuple[Values, float]:
    """One slice of whole blocks between air and metal: values, and the HU of a value of 0.

    Args:
        scan: that the slice is in.
        z: its number.
        box: rows and columns wanted, whole blocks; beyond the slice, its edge repeats.
    """
    stored, intercept = scan.stored[z][box], float(scan.intercept[z])
    low, high = AIR_HU - intercept, _HIGHEST_HU - intercept
    whole = scan.is_integer and scan.slope[z] == 1 and intercept.is_integer()
    holds = np.iinfo(stored.dtype if scan.is_integer else np.int16)
    low, high = max(low, holds.min), min(high, holds.max)
    if not whole or not -_LARGEST <= low <= high <= _LARGEST:
        hu = padded_slice(scan, z, box)
        return np.minimum(hu, np.float32(_HIGHEST_HU), out=hu), 0.0
    values = np.clip(stored, stored.dtype.type(low), stored.dtype.type(high))
    over = [(0, p.stop - p.start - n) for p, n in zip(box, values.shape, strict=True)]
    if any(after for _, after in over):
        values = np.pad(values, over, mode="edge")
    return values.astype(np.int16, copy=False), intercept


class Detail:
    """Looks at one slice after the other, in buffers of its own; for one thread."""

    def __init__(self, shape: tuple[int, int]) -> None:
        """
        Args:
            shape: rows and columns of the slices, whole blocks.
        """
        rows, columns = shape
        units = rows // 2, columns // 2
        self._values: Values = np.empty(shape, np.float32)
        self._offset = 0.0
        self._rows = {np.dtype(t): np.empty((units[0], columns), t) for t in (np.int16, np.float32)}
        self._words = np.empty(units, np.int32)
        self._tall = np.empty((2, *units), np.float32)
        self._beside = np.empty_like(self._tall)
        self._fine = np.empty(units, np.float32)

    def look_at(self, values: Values, offset: float = 0.0) -> None:
        """Take the values of a slice, and the HU of a value of 0: what follows is about it."""
        self._values, self._offset = values, offset
        rows = np.subtract(values[0::2], values[1::2], out=self._rows[values.dtype])
        self._split(rows, self._tall)

    def mean(self) -> Blocks:
        """Of each block, HU."""
        if self._values.dtype == np.int16:
            rows = self._rows[self._values.dtype]
            np.add(self._values[0::2], self._values[1::2], out=rows)
            words = (rows[0::2] + rows[1::2]).view(np.int32)
            low = words << 16
            low >>= 16
            words >>= 16
            words += low
            sums: Blocks = (words[:, 0::2] + words[:, 1::2]).astype(np.float32)
        else:
            sums = block_sums(self._values)
        sums *= np.float32(1 / BLOCK**2)
        sums += np.float32(self._offset)
        return sums

    def noise(self) -> Blocks:
        """Of each block, HU, see `mitsgan.mark.strength.local_noise`."""
        return noise_of(np.subtract(self._tall[0], self._tall[1], out=self._fine))

    def units(self, x: float, y: float, out: Units) -> Units:
        """The slice less what the nearest neighbours along y and x tell, added up per unit.

        In units of the mark: voxels that differ by twice its amplitude give just that. Beyond
        either end, the first and the last voxel repeat.

        Args:
            x, y: weights of the neighbours.
            out: what to write to.
        """
        even, odd = self._values[0::2], self._values[1::2]
        rows = self._rows[self._values.dtype]
        np.subtract(even[2:], odd[:-2], out=rows[1:-1])
        np.subtract(even[1], even[0], out=rows[0])
        np.subtract(odd[-1], odd[-2], out=rows[-1])
        self._split(rows, self._beside)
        self._beside *= np.float32(y / (1 + y))
        self._beside += self._tall
        even, odd = self._beside
        across = self._fine
        # End to end: what runs over from row to row is the first and the last of each.
        np.subtract(even.reshape(-1)[2:], odd.reshape(-1)[:-2], out=across.reshape(-1)[1:-1])
        np.subtract(even[:, 1], even[:, 0], out=across[:, 0])
        np.subtract(odd[:, -1], odd[:, -2], out=across[:, -1])
        across *= np.float32(x / (1 + x))
        np.subtract(even, odd, out=out)
        out += across
        return out

    def _split(self, rows: Values, halves: NDArray[np.float32]) -> None:
        """Even columns and odd ones, ``[2, rows / 2, columns / 2]``."""
        if rows.dtype != np.int16:
            halves[0], halves[1] = rows[:, 0::2], rows[:, 1::2]
            return
        # Two in one word, taken apart by shifts: several times faster than every other one.
        first, second = halves if sys.byteorder == "little" else halves[::-1]
        words = rows.view(np.int32)
        np.left_shift(words, 16, out=self._words)
        self._words >>= 16
        first[...] = self._words
        np.right_shift(words, 16, out=self._words)
        second[...] = self._words
