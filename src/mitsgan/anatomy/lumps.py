"""Lumps of soft tissue in the middle of lung cubes, told by density and volume: nothing learned.

A lump is what a solid nodule is, to whoever looks at volume alone: tissue over -400 HU that holds
together, is no strand, and reaches the middle. Ground glass is below that density and none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

TISSUE_HU = -400.0
"""Midway between lung and soft tissue."""

LEAST_MM3 = 300.0
"""From here on a lump is one: a ball of 8.3 mm. The British Thoracic Society (Callister et al.,
Thorax 70, supplement 2, 2015) has solid nodules from 300 mm3 or 8 mm on assessed for cancer."""

CORE_MM = 20
"""Side of the core, in the middle of the cube, in which lumps are looked for."""

MIDDLE_MM = 3.0
"""How near to the middle of the cube a lump has to come."""

_MARGIN = 2
_ACROSS_EDGES = 2
"""Of `scipy.ndimage.generate_binary_structure`: a voxel and the 18 that share a side or an edge
with it, which is a ball of 1.5 mm. What it fits in nowhere, strands up to 2 mm thick, is opened
away."""


def lumps_mm3(
    cubes: NDArray[np.float32], beyond: NDArray[np.float32] | None = None
) -> tuple[float, ...]:
    """The volume of the lump in the middle of each cube; 0 where none is.

    Args:
        cubes: ``[b, n, n, n]`` in HU at 1 mm, ``n`` at least 20.
        beyond: the same places before something was done to them, of the same shape: tissue that
            was there already does not count. None counts all.

    Returns:
        mm3, for each cube; of several lumps the largest.

    Raises:
        ValueError: the cubes are smaller than the core.
    """
    if min(cubes.shape[1:]) < CORE_MM:
        raise ValueError(f"cubes of {cubes.shape[1:]} mm have no core of {CORE_MM} mm")
    return tuple(_largest(tissue) for tissue in _tissue(cubes, beyond))


def are_lumps(volumes_mm3: Sequence[float]) -> tuple[bool, ...]:
    """Which of these are volumes of a lump that is one."""
    return tuple(volume >= LEAST_MM3 for volume in volumes_mm3)


def _tissue(
    cubes: NDArray[np.float32], beyond: NDArray[np.float32] | None
) -> Iterator[NDArray[np.bool_]]:
    """The tissue of each cube, a little more than its core; what is no number is none."""
    inside = [_middle(n, CORE_MM + 2 * _MARGIN) for n in cubes.shape[1:]]
    for number, cube in enumerate(cubes):
        tissue = cube[tuple(inside)] > TISSUE_HU
        if beyond is not None:
            tissue &= ~(beyond[number][tuple(inside)] > TISSUE_HU)
        yield tissue


def _largest(tissue: NDArray[np.bool_]) -> float:
    ball = ndimage.generate_binary_structure(3, _ACROSS_EDGES)
    thick = ndimage.binary_opening(tissue, ball)
    core = thick[tuple(_middle(n, CORE_MM) for n in thick.shape)]
    labels, _ = ndimage.label(core)
    reach = np.unique(labels[_near(core.shape)])
    volumes = np.bincount(labels.ravel())
    return float(max((volumes[label] for label in reach if label), default=0))


def _middle(length: int, wanted: int) -> slice:
    wanted = min(wanted, length)
    return slice((length - wanted) // 2, (length - wanted) // 2 + wanted)


def _near(shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Which voxels lie within `MIDDLE_MM` of the middle of a block."""
    z, y, x = ((np.arange(n) - (n - 1) / 2) ** 2 for n in shape)
    return np.asarray(z[:, None, None] + y[:, None] + x <= MIDDLE_MM**2)
