"""The difference between an original and what was made of it, small, and exact to the last bit.

Differences are taken in the integers that the bits of a voxel are, modulo their width, so that
adding them again gives every bit back, whatever the values were: integers or floats, padding,
bits above those stored. A budget of a few HU makes most of them fit one byte, and slices lying in
slabs with equal rows side by side make them repeat, which is what bzip2 shrinks
(docs/decisions/restore.md).
"""

from __future__ import annotations

import bz2
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mitsgan.restore.errors import RestoreError

SLAB = 16
"""Slices that are compressed together."""


def difference(original: NDArray[Any], protected: NDArray[Any]) -> NDArray[Any]:
    """What has to be added to the bits of ``protected`` to get those of ``original``.

    Both of one shape; unsigned integers of the width of a voxel.

    Raises:
        RestoreError: they are of another type of numbers.
    """
    if _native(original.dtype) != _native(protected.dtype):
        raise RestoreError(
            f"the protected scan has {protected.dtype} voxels, the original {original.dtype}, so "
            f"there is no exact difference; protect it in its own format"
        )
    change: NDArray[Any] = _bits(original) - _bits(protected)
    return change


def added(protected: NDArray[Any], change: NDArray[Any]) -> NDArray[Any]:
    """The original of which ``change`` is the difference."""
    original: NDArray[Any] = (_bits(protected) + change).view(_native(protected.dtype))
    return original


def pack(changes: Iterable[NDArray[Any]]) -> Iterator[bytes]:
    """Differences ``[y, x]``, slice by slice, to compressed slabs."""
    slab: list[NDArray[Any]] = []
    for change in changes:
        slab.append(change)
        if len(slab) == SLAB:
            yield _packed(slab)
            slab = []
    if slab:
        yield _packed(slab)


def unpack(
    slabs: Sequence[bytes], shape: tuple[int, int, int], itemsize: int
) -> Iterator[NDArray[Any]]:
    """What `pack` was given.

    Args:
        slabs: compressed.
        shape: of all slices together, ``[z, y, x]``.
        itemsize: bytes of a voxel.

    Raises:
        RestoreError: slabs that are damaged, or of another shape.
    """
    depth, height, width = shape
    if len(slabs) != -(-depth // SLAB):
        raise RestoreError(f"the difference has {len(slabs)} slabs, which {depth} slices have not")
    for number, packed in enumerate(slabs):
        count = min(SLAB, depth - number * SLAB)
        yield from _unpacked(packed, (height, count, width), itemsize)


def _packed(slab: list[NDArray[Any]]) -> bytes:
    stack = np.stack(slab, axis=1)  # [y, z, x]
    signed = stack.view(f"i{stack.dtype.itemsize}")
    narrow = signed.astype(np.int8)
    if (narrow == signed).all():
        return bz2.compress(narrow.tobytes())
    planes = stack.astype(stack.dtype.newbyteorder("<")).view(np.uint8)
    return bz2.compress(planes.reshape(-1, stack.dtype.itemsize).T.tobytes())


def _unpacked(packed: bytes, shape: tuple[int, int, int], itemsize: int) -> Iterator[NDArray[Any]]:
    voxels = int(np.prod(shape))
    reader = bz2.BZ2Decompressor()
    try:
        data = reader.decompress(packed, voxels * itemsize + 1)
    except OSError as error:
        raise RestoreError(f"the difference is damaged ({error}); fetch it again") from error
    unsigned = np.dtype(f"u{itemsize}")
    if not reader.eof:
        raise RestoreError("the difference is cut off or too long; fetch it again")
    if len(data) == voxels:
        stack = np.frombuffer(data, np.int8).astype(f"i{itemsize}").view(unsigned)
    elif len(data) == voxels * itemsize:
        planes = np.frombuffer(data, np.uint8).reshape(itemsize, voxels)
        stack = np.ascontiguousarray(planes.T).view(unsigned.newbyteorder("<")).astype(unsigned)
    else:
        raise RestoreError(f"the difference holds {len(data)} bytes, expected {voxels * itemsize}")
    whole = stack.reshape(shape)
    for z in range(shape[1]):
        yield np.ascontiguousarray(whole[:, z])


def _bits(values: NDArray[Any]) -> NDArray[Any]:
    native = np.ascontiguousarray(values, _native(values.dtype))
    return native.view(f"u{values.dtype.itemsize}")


def _native(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return np.dtype(dtype).newbyteorder("=")
