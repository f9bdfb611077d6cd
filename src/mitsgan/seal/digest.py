"""Digests of a slice by blocks: small enough to say where, cheap enough to take on every read.

SHA-256 (FIPS 180-4) of each block of 64 x 64 voxels, rows one after the other, each voxel in
little-endian bytes. Blocks at the far edges are smaller.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

BLOCK = 64
SIZE = hashlib.sha256().digest_size


@dataclass(frozen=True)
class Box:
    """A block of one slice: rows ``top:bottom``, columns ``left:right``."""

    top: int
    bottom: int
    left: int
    right: int

    def __str__(self) -> str:
        return f"rows {self.top}-{self.bottom - 1}, columns {self.left}-{self.right - 1}"


def block_digests(stored: NDArray[Any], block: int = BLOCK) -> bytes:
    """The digests of all blocks of a slice ``[y, x]``, row by row, one after the other."""
    little = stored.astype(stored.dtype.newbyteorder("<"), copy=False)
    height, width = stored.shape
    whole = width - width % block
    digests = bytearray()
    for top in range(0, height, block):
        rows = little[top : top + block]
        # One copy for all the whole blocks side by side: as many as there are would cost more.
        squares = rows[:, :whole].reshape(len(rows), -1, block).swapaxes(0, 1)
        parts = [*np.ascontiguousarray(squares)]
        if whole < width:
            parts.append(np.ascontiguousarray(rows[:, whole:]))
        for part in parts:
            digests += hashlib.sha256(part.data).digest()
    return bytes(digests)


def block_count(height: int, width: int, block: int = BLOCK) -> int:
    """How many blocks a slice has."""
    return -(-height // block) * -(-width // block)


def differing_blocks(
    expected: bytes, present: bytes, height: int, width: int, block: int = BLOCK
) -> list[Box]:
    """The blocks whose digests differ; both of a slice of this size."""
    size = block_count(height, width, block) * SIZE
    digests = [
        np.frombuffer(found[:size].ljust(size, b"\0"), np.uint8).reshape(-1, SIZE)
        for found in (expected, present)
    ]
    boxes = _boxes(height, width, block)
    return [boxes[k] for k in np.flatnonzero((digests[0] != digests[1]).any(1)).tolist()]


@lru_cache(maxsize=8)
def _boxes(height: int, width: int, block: int) -> tuple[Box, ...]:
    """All blocks of a slice, row by row."""
    return tuple(
        Box(top, min(top + block, height), left, min(left + block, width))
        for top in range(0, height, block)
        for left in range(0, width, block)
    )
