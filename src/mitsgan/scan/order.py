"""How the axes of one array lie in another: which became which, and which were turned round."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Item = TypeVar("Item", bound=np.generic)
Voxel = tuple[int, int, int]
Point = tuple[float, float, float]


@dataclass(frozen=True)
class AxisOrder:
    """Of an array that was made from another by swapping and reversing axes.

    Attributes:
        axes: axis ``i`` of this array is axis ``axes[i]`` of the other.
        flips: whether axis ``i`` of this array runs against it.
    """

    axes: tuple[int, int, int] = (0, 1, 2)
    flips: tuple[bool, bool, bool] = (False, False, False)

    def __post_init__(self) -> None:
        if sorted(self.axes) != [0, 1, 2] or len(self.flips) != 3:
            raise ValueError(f"an order is three axes, each once, found {self.axes}")

    @property
    def is_identity(self) -> bool:
        return self.axes == (0, 1, 2) and not any(self.flips)

    def arrange(self, array: NDArray[Item]) -> NDArray[Item]:
        """A view of the other array in this order."""
        return array.transpose(self.axes)[
            tuple(slice(None, None, -1) if flip else slice(None) for flip in self.flips)
        ]

    def inverse(self) -> AxisOrder:
        """The order that undoes this one."""
        back = [self.axes.index(axis) for axis in range(3)]
        return AxisOrder((back[0], back[1], back[2]), _flags(self.flips[i] for i in back))

    def then(self, after: AxisOrder) -> AxisOrder:
        """This order, and another of its result: both in one."""
        z, y, x = (self.axes[axis] for axis in after.axes)
        flips = (
            self.flips[axis] != flip for axis, flip in zip(after.axes, after.flips, strict=True)
        )
        return AxisOrder((z, y, x), _flags(flips))

    def in_file(self, voxel: Sequence[int], shape: Sequence[int]) -> Voxel:
        """The index in the other array of a voxel of this one, whose shape is given."""
        z, y, x = self.point_in_file(voxel, shape)
        return int(z), int(y), int(x)

    def point_in_file(self, point: Sequence[float], shape: Sequence[int]) -> Point:
        """The same for a point that may lie between voxels."""
        index = [0.0, 0.0, 0.0]
        for i, (axis, flip) in enumerate(zip(self.axes, self.flips, strict=True)):
            index[axis] = shape[i] - 1 - float(point[i]) if flip else float(point[i])
        return index[0], index[1], index[2]

    def box_in_file(
        self, start: Sequence[int], stop: Sequence[int], shape: Sequence[int]
    ) -> tuple[Voxel, Voxel]:
        """The same for a box ``start:stop``; its last voxel is ``stop - 1``."""
        ends = (self.in_file(start, shape), self.in_file([n - 1 for n in stop], shape))
        low, high = np.min(ends, 0).tolist(), (np.max(ends, 0) + 1).tolist()
        return (low[0], low[1], low[2]), (high[0], high[1], high[2])


UNCHANGED = AxisOrder()
"""The order in which nothing was swapped or turned round."""


def _flags(values: Iterable[bool]) -> tuple[bool, bool, bool]:
    a, b, c = (bool(value) for value in values)
    return a, b, c
