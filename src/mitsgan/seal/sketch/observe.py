"""What a scan shows in the cells of a sketch, on whatever grid and in whatever values.

Where its voxels are those that were sealed, or a part of them, they are added up as the sketch was
made. On any other grid (resampled, oblique) the scan is interpolated to the sealed voxels first.
Conversions to images may leave grey levels, or HU without their rescale: `find_scale` tells.
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

_OTHER_HU, _TOO_FAR_HU = 50.0, 150.0
"""A scan is looked at for another scale if half of its even cells differ by so much; it has one if
that moves air or water by so much. What is less, the fit of what was done takes in."""

_LEAST_EVEN, _SOME, _CUT = 200, 1000, 0.02


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


@dataclass(frozen=True)
class Scale:
    """What a scan's values are where they are no HU.

    Attributes:
        gain: by how much they rise for each HU.
        offset: what they are at 0 HU.
    """

    gain: float = 1.0
    offset: float = 0.0

    def in_hu(self, scan: Scan) -> Scan:
        """The scan, its values taken for HU."""
        intercept = (scan.intercept - self.offset) / self.gain
        return replace(scan, slope=scan.slope / self.gain, intercept=intercept)

    def within(self, outer: Scale) -> Scale:
        """This one of values that another one has been taken from before."""
        return Scale(self.gain * outer.gain, self.offset * outer.gain + outer.offset)


def is_beyond_hu(values: Array) -> bool:
    """Whether most of what a scan shows lies beyond any HU, which is as far as it is looked at."""
    return bool(len(values)) and not LOWEST_HU < np.median(values) < HIGHEST_HU


def range_of(scans: Sequence[Scan]) -> Scale | None:
    """What brings the values of scans into the range of HU; None where there is but one value."""
    ends = [
        end(scan.stored, (1, 2)) * scan.slope + scan.intercept
        for scan in scans
        for end in (np.nanmin, np.nanmax)
    ]
    low, high = float(np.nanmin(ends)), float(np.nanmax(ends))
    gain = (high - low) / (HIGHEST_HU - LOWEST_HU)
    return Scale(gain, low - gain * LOWEST_HU) if 0 < gain < np.inf else None


def find_scale(values: Array, hu: Array) -> Scale | None:
    """What the values of a scan are if they are no HU; None if they are, or if it shows another.

    By the line through what most cells show over what was sealed of them (Theil 1950, Sen 1968),
    without those at the ends of its values, where a window may have cut them off.

    Args:
        values: ``[n]``, what it shows in cells with no structure around them.
        hu: ``[n]``, what was sealed of these.
    """
    if len(values) < _LEAST_EVEN or np.median(np.abs(values - hu)) < _OTHER_HU:
        return None
    low, high = float(values.min()), float(values.max())
    inside = (values - low > _CUT * (high - low)) & (high - values > _CUT * (high - low))
    chosen = np.random.default_rng(0).permutation(np.flatnonzero(inside))[:_SOME]
    if len(chosen) < _LEAST_EVEN or np.ptp(hu[chosen]) == 0:
        return None
    from scipy.stats import theilslopes  # takes as long as all else, and hardly a scan needs it

    gain, offset = (float(number) for number in theilslopes(values[chosen], hu[chosen])[:2])
    strays = np.abs(values[chosen] - gain * hu[chosen] - offset)
    if gain <= 0 or np.median(strays) > gain * _OTHER_HU:
        return None
    moved = max(abs((gain - 1) * at + offset) for at in (0.0, LOWEST_HU))
    return Scale(gain, offset) if moved > _TOO_FAR_HU else None


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

    1 where the scan is as coarse, or its voxels are those that were sealed. Where it is turned and
    has more voxels, a sealed one is as long as it reaches from corner to corner: each second voxel
    of a grid turned by 45 degrees may lie between the sealed ones, though none is a step away.
    """
    if voxel_offset(scan.geometry, scan.shape, grid) is not None:
        return 1, 1, 1
    steps = grid.geometry.matrix @ np.linalg.inv(scan.geometry.matrix)
    more = abs(np.linalg.det(steps)) > 1 + _SAME_VOXELS
    lengths = np.abs(steps).sum(0) if more else np.abs(steps).max(0)
    most = np.ceil(lengths - _SAME_VOXELS).clip(1, scan.shape)
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
