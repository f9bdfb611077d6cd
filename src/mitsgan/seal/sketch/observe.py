"""What a scan shows in the cells of a sketch, on whatever grid the scan is.

Where its voxels are those that were sealed, or a part of them, they are added up as the sketch was
made. On any other grid (resampled, oblique) the scan is interpolated to the sealed voxels first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
import SimpleITK as sitk  # noqa: N813 - its own habit
from numpy.typing import NDArray

from mitsgan.scan.canonical import canonical
from mitsgan.scan.geometry import Geometry
from mitsgan.scan.scan import Scan
from mitsgan.scan.sitk import set_geometry
from mitsgan.seal.sketch.cells import HIGHEST_HU, LOWEST_HU, CellGrid, Triple
from mitsgan.seal.sketch.planes import cell_sums, clipped, mask_sums, sum_type, working_type

Array = NDArray[np.float32]

_SAME_VOXELS = 0.05
"""Voxels by which two grids may differ and still be the same: rounding of headers."""

_NOWHERE = -30000.0
"""Marks samples outside the scan; no HU."""


class Grid(StrEnum):
    """How a scan's grid relates to the sealed one."""

    SAME = "same"
    PART = "part"
    OTHER = "other"


@dataclass(frozen=True, eq=False)
class Observation:
    """What scans show in the cells of a sketch.

    Attributes:
        means: ``[z, y, x]`` HU of each cell, of that share of it that is there; 0 where none is.
        coverage: ``[z, y, x]``, how much of each cell is there, 0 to 1.
        grid: whether the voxels are those that were sealed, a part of them, or others.
    """

    means: Array
    coverage: Array
    grid: Grid


def observe(scans: Sequence[Scan], grid: CellGrid, *, between: bool = False) -> Observation:
    """What scans show in the cells of a sketch.

    Args:
        scans: pieces of one scan, for one with a gap in it falls into several; no two of them
            show the same place.
        grid: of the sketch.
        between: average a scan of finer voxels first, so that those between the sealed ones count.
    """
    total = np.zeros(grid.cells, np.float32)
    coverage = np.zeros(grid.cells, np.float32)
    same = True
    for scan in map(canonical, scans):
        offset = voxel_offset(scan.geometry, scan.shape, grid)
        same &= offset is not None
        if offset is None:
            means, part = _interpolated(scan, grid, finer(scan, grid) if between else (1, 1, 1))
        else:
            means, part = _added_up(scan, grid, offset)
        total += means * part
        coverage += part
    means = np.divide(total, coverage, out=np.zeros_like(total), where=coverage > 0)
    whole = len(scans) == 1 and scans[0].shape == grid.shape
    kind = (Grid.SAME if whole else Grid.PART) if same else Grid.OTHER
    return Observation(means, np.minimum(coverage, 1), kind)


def voxel_offset(geometry: Geometry, shape: Triple, grid: CellGrid) -> Triple | None:
    """At which sealed voxel the first voxel of a scan lies; None if its voxels are others."""
    sealed = np.linalg.inv(grid.geometry.matrix)
    steps = geometry.matrix @ sealed
    offset = (np.asarray(geometry.origin) - grid.geometry.origin) @ sealed
    nearest = np.rint(offset)
    # How far the corners of the scan lie from the sealed voxels that they should be.
    apart = np.abs((steps - np.eye(3)) * np.asarray(shape)[:, None]).sum(0)
    if (apart + np.abs(offset - nearest) > _SAME_VOXELS).any():
        return None
    z, y, x = nearest.astype(int).tolist()
    return z, y, x


def _added_up(scan: Scan, grid: CellGrid, offset: Triple) -> tuple[Array, Array]:
    """Means and coverage from voxels that are the sealed ones."""
    size = grid.shape[1:]
    inside, source = [], []
    for first, length, sealed in zip(offset, scan.shape, grid.shape, strict=True):
        start, stop = max(first, 0), min(first + length, sealed)
        inside.append(slice(start, max(start, stop)))
        source.append(slice(start - first, max(start, stop) - first))
    present = []
    for part, length, side in zip(inside, grid.shape, grid.cell, strict=True):
        there = np.zeros(length, np.float32)
        there[part] = 1
        present.append(np.add.reduceat(there, np.arange(0, length, side)))
    count = present[1][:, None] * present[2]
    means = np.zeros(grid.cells, np.float32)
    dtype, column = working_type(scan), sum_type(scan, grid.cell[1])
    divisor = np.maximum(count, 1)  # sums are 0 where nothing is there
    plane = np.zeros(size, dtype)
    for layer in range(grid.cells[0]):
        first = max(layer * grid.cell[0], inside[0].start)
        slices = range(first, min((layer + 1) * grid.cell[0], inside[0].stop))
        for z in slices:
            here = z - offset[0]
            clipped(scan, here, plane[inside[1], inside[2]], (source[1], source[2]))
            sums = cell_sums(plane, grid.cell[1:], column).astype(np.float32)
            slope, intercept = np.float32(scan.slope[here]), np.float32(scan.intercept[here])
            means[layer] += sums / divisor * slope + intercept
        means[layer] /= max(1, len(slices))
    in_layer = present[0] / grid.voxels_along(0)
    in_plane = count / (grid.voxels_along(1)[:, None] * grid.voxels_along(2))
    coverage = in_layer[:, None, None] * in_plane
    means[coverage == 0] = 0
    return means, coverage.astype(np.float32)


def finer(scan: Scan, grid: CellGrid) -> Triple:
    """How many voxels of a scan a sealed voxel is long, along the scan's ``[z, y, x]``, rounded up.

    1 where the scan is as coarse, or its voxels are those that were sealed.
    """
    if voxel_offset(scan.geometry, scan.shape, grid) is not None:
        return 1, 1, 1
    steps = np.abs(grid.geometry.matrix @ np.linalg.inv(scan.geometry.matrix)).max(0)
    most = np.ceil(steps - _SAME_VOXELS).clip(1, scan.shape)
    z, y, x = most.astype(int).tolist()
    return z, y, x


def _interpolated(scan: Scan, grid: CellGrid, averaged: Triple) -> tuple[Array, Array]:
    """Means and coverage from any voxels, interpolated linearly to the sealed ones.

    Args:
        scan: any.
        grid: of the sketch.
        averaged: so many voxels along each axis ``[z, y, x]`` become one before.
    """
    # What is no number is something else than what was sealed, not a part that is missing.
    hu = np.nan_to_num(scan.hu(), nan=LOWEST_HU)
    image = sitk.GetImageFromArray(np.clip(hu, LOWEST_HU, HIGHEST_HU))
    set_geometry(image, scan.geometry)
    if max(averaged) > 1:
        image = sitk.BinShrink(image, averaged[::-1])
    means, coverage = (np.zeros(grid.cells, np.float32) for _ in range(2))
    voxels = grid.voxels_along(1)[:, None] * grid.voxels_along(2)
    for layer in range(grid.cells[0]):
        slices = range(layer * grid.cell[0], min((layer + 1) * grid.cell[0], grid.shape[0]))
        samples = _sampled(image, grid, slices)
        inside = samples > _NOWHERE
        samples[~inside] = 0
        total, count = np.zeros((2, *grid.cells[1:]), np.float32)
        for values, here in zip(samples, inside, strict=True):
            total += cell_sums(values, grid.cell[1:], values.dtype)
            count += mask_sums(here, grid.cell[1:])
        means[layer] = np.divide(total, count, out=np.zeros_like(total), where=count > 0)
        coverage[layer] = count / (voxels * len(slices))
    return means, coverage


def _sampled(image: sitk.Image, grid: CellGrid, slices: range) -> Array:
    """The image at the sealed voxels of some slices ``[z, y, x]``."""
    reference = sitk.Image(grid.shape[2], grid.shape[1], len(slices), sitk.sitkUInt8)
    first = grid.geometry.to_world((slices.start, 0, 0))
    set_geometry(reference, replace(grid.geometry, origin=first))
    sampled = sitk.Resample(
        image, reference, sitk.Transform(), sitk.sitkLinear, _NOWHERE, sitk.sitkFloat32
    )
    return np.asarray(sitk.GetArrayFromImage(sampled))
