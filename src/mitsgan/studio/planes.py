"""Planes of open scans as the page gets them: HU, whole ones, the head on top.

Whatever an attacker had a hand in carries SIMULATED in its values before it leaves this module,
so that no page, no saved picture and no other client gets it without.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mitsgan.errors import ScanError
from mitsgan.scan.scan import AIR_HU, Scan
from mitsgan.scan.simulated import burn_in_hu, burnt
from mitsgan.studio.layers import PLANES, Plane, as_shown
from mitsgan.studio.series import Series

_LOW, _HIGH = -32768, 32767


def plane_hu(
    series: Series, plane: Plane, index: int, minus: Series | None = None
) -> NDArray[np.int16]:
    """One plane, ``[rows, columns]``.

    Args:
        series: the scan.
        plane, index: which, and its number along its axis.
        minus: a scan on the same grid that is taken off.

    Raises:
        ScanError: there is no such plane, or the grids differ.
    """
    check_index(series.scan, plane, index)
    values = _cut(series.scan, plane, index)
    simulated = series.simulated
    if minus is not None:
        if not same_grid(series.scan, minus.scan):
            raise ScanError(
                f"{series.name} and {minus.name} do not share a grid, so nothing can be taken off "
                "voxel by voxel; show them side by side"
            )
        values = values - _cut(minus.scan, plane, index)
        simulated = simulated or minus.simulated
    whole = np.rint(values).clip(_LOW, _HIGH).astype(np.int16)
    shown = np.ascontiguousarray(as_shown(whole, plane))
    return burn_in_hu(shown, series.stretch(plane)) if simulated else shown


def same_grid(one: Scan, other: Scan) -> bool:
    """Whether voxels of two scans lie at the same places, to a hundredth of a voxel."""
    if one.shape != other.shape:
        return False
    ends = ((0, 0, 0), tuple(n - 1 for n in one.shape))
    apart = [np.subtract(one.geometry.to_world(e), other.geometry.to_world(e)) for e in ends]
    return bool(np.abs(apart).max() <= 0.01 * min(one.spacing))


def largest_change(one: Scan, other: Scan) -> float:
    """How far two scans on one grid lie apart in the voxel where they differ most, HU."""
    return max(
        float(np.abs(_finite(one.hu(z, z + 1)) - _finite(other.hu(z, z + 1))).max())
        for z in range(one.shape[0])
    )


def check_index(scan: Scan, plane: Plane, index: int) -> None:
    """Raise `ScanError` where a scan has no such plane."""
    count = scan.shape[PLANES[plane][0]]
    if not 0 <= index < count:
        raise ScanError(f"there are {plane} planes 0 to {count - 1}, asked for {index}")


def shown_volume(series: Series, most_voxels: int) -> tuple[NDArray[np.int16], tuple[int, ...]]:
    """The voxels for a picture of the whole volume, and of how many along each axis one is taken.

    Args:
        series: the scan.
        most_voxels: that may be shown; of a larger one every second voxel is taken, or fewer.
    """
    scan = burnt(series.scan) if series.simulated else series.scan
    step = [1, 1, 1]
    while np.prod(np.ceil(np.divide(scan.shape, step))) > most_voxels:
        finest = int(np.argmin(np.multiply(step, scan.spacing)))
        step[finest] += 1
    z, y, x = step
    parts = [
        np.rint(_finite(scan.hu(number, number + 1))[0, ::y, ::x])
        for number in range(0, scan.shape[0], z)
    ]
    return np.stack(parts).clip(_LOW, _HIGH).astype(np.int16), tuple(step)


def _cut(scan: Scan, plane: Plane, index: int) -> NDArray[np.float32]:
    one = slice(index, index + 1)
    if plane == "axial":
        return _finite(scan.hu(index, index + 1)[0])
    if plane == "coronal":
        return _finite(scan.hu(box=(one, slice(None)))[:, 0])
    return _finite(scan.hu(box=(slice(None), one))[:, :, 0])


def _finite(hu: NDArray[Any]) -> NDArray[np.float32]:
    finite: NDArray[np.float32] = np.nan_to_num(hu, nan=AIR_HU)
    return finite
