"""Where nodules might be, without a learned model: bright blobs of 4 to 30 mm in the lung.

A blob that is smoothed to its own size curves down along every axis, a vessel along two, the pleura
along one. So the eigenvalues of the Hessian, over several sizes, tell them apart (Li, Sone, Doi:
Selective enhancement filters for nodules, vessels, and airway walls, Med Phys 30:2040, 2003). It
finds too much rather than too little: where vessels fork, they look like a nodule.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import sqrt

import numpy as np
import SimpleITK as sitk  # noqa: N813 - its own habit
from numpy.typing import NDArray
from scipy import ndimage

from mitsgan.anatomy.lung import Lung, find_lung
from mitsgan.scan.once import once_per_scan
from mitsgan.scan.scan import Scan

LIMIT = 60
"""So many candidates, unless told otherwise."""

_GRID_MM = 1.0
_SIGMAS_MM = ((1.15, 1.7), (2.6, 3.9), (5.8, 8.4))  # each pair on a grid twice as coarse
_CLOSED_MM = 25.0
_EDGE_MM = 0.0
_DARKEST_HU, _BRIGHTEST_HU = -1000.0, 100.0
_FAINTEST_HU = 5.0
_NEAREST_MM = 4.0
_THINNEST = 4
"""Voxels along every axis that the Gaussian needs; in fewer no blob is told from its edges."""

_Volume = NDArray[np.float32]
_Vector = NDArray[np.float64]


@dataclass(frozen=True, order=True)
class _Peak:
    score: float
    sigma_mm: float
    place_mm: tuple[float, float, float]


@dataclass(frozen=True)
class Candidate:
    """A place where a nodule might be.

    Attributes:
        position: voxel ``[z, y, x]`` of the scan nearest to its centre.
        radius_mm: of the ball that it is most like.
        score: HU; how far it stands out as a blob.
    """

    position: tuple[int, int, int]
    radius_mm: float
    score: float


def find_candidates(
    scan: Scan, lung: Lung | None = None, *, limit: int = LIMIT
) -> tuple[Candidate, ...]:
    """Find places where a nodule might be, in the lung and at its border.

    Args:
        scan: a chest CT.
        lung: where its lungs are; found, unless given.
        limit: how many to give at most.

    Returns:
        The best first; none lies in another.

    Raises:
        ScanError: there is no lung in the scan.
    """
    return _candidates_in(scan, lung or find_lung(scan), limit)


@once_per_scan
def _candidates_in(scan: Scan, lung: Lung, limit: int) -> tuple[Candidate, ...]:
    hu, depth, origin = _lung_alone(scan, lung)
    candidates: list[Candidate] = []
    centres, reach = np.empty((0, 3)), np.empty(0)
    for peak in sorted(_peaks(hu, depth), reverse=True):
        centre = origin + peak.place_mm
        if (np.linalg.norm(centres - centre, axis=1) < reach).any():
            continue
        radius = sqrt(3) * peak.sigma_mm  # of the ball whose Laplacian is largest at this size
        centres, reach = np.vstack([centres, centre]), np.append(reach, max(radius, _NEAREST_MM))
        voxel = np.clip(np.rint(centre / scan.spacing), 0, np.subtract(scan.shape, 1))
        z, y, x = (int(v) for v in voxel)
        candidates.append(Candidate((z, y, x), radius, peak.score))
        if len(candidates) == limit:
            break
    return tuple(candidates)


def _lung_alone(scan: Scan, lung: Lung) -> tuple[_Volume, _Volume, _Vector]:
    """HU on a grid of 1 mm, with all but the lung as dark as it; the depth in it, and the origin.

    In the lung is what a ball of 25 mm radius that rolls along it from outside does not reach, so
    that what grows from its wall counts as in it. Lengths in mm.
    """
    spacing, coarse = np.asarray(scan.spacing), np.multiply(lung.stride, scan.spacing)
    border = (_CLOSED_MM / coarse).astype(int) + 2
    wide = _depth(np.pad(lung.mask, [(b, b) for b in border]), coarse) > -_CLOSED_MM
    # Distances are to voxels' centres; the border lies half a voxel from them.
    depth = -_depth(~wide, coarse) - np.float32(_CLOSED_MM + coarse.mean() / 2)
    where = np.argwhere(depth > 0) - border
    if not len(where):  # a slice or two, all of which the ball reaches
        nothing = np.empty((0, 0, 0), np.float32)
        return nothing, nothing, np.zeros(3)
    first = np.maximum(where.min(0) * lung.stride, 0)
    last = np.minimum(where.max(0) * lung.stride + 1, scan.shape)
    z, y, x = (slice(a, b) for a, b in zip(first.tolist(), last.tolist(), strict=True))
    hu = scan.hu(z.start, z.stop, (y, x))
    np.clip(np.nan_to_num(hu, nan=_DARKEST_HU), _DARKEST_HU, _BRIGHTEST_HU, out=hu)
    origin, size = first * spacing, np.ceil((last - first) * spacing / _GRID_MM).astype(int)
    fine = _resample(hu, spacing, np.zeros(3), size)
    inside = _resample(depth, coarse, -border * coarse - origin, size)
    fine[inside < _EDGE_MM] = np.median(fine[inside > _EDGE_MM])
    return fine, inside, origin


def _peaks(hu: _Volume, depth: _Volume) -> Iterator[_Peak]:
    """Blobs size by size: where the Laplacian is a minimum, and how round it is there."""
    grid, smoothed = _GRID_MM, 0.0
    for sigmas in _SIGMAS_MM:
        if min(hu.shape) < _THINNEST:
            return
        for sigma in sigmas:
            hu = _smooth(hu, sqrt(sigma**2 - smoothed**2) / grid)
            smoothed = sigma
            places = _summits(hu, depth > 0, 3 * _FAINTEST_HU * (grid / sigma) ** 2)
            scores = _roundness(hu, places) * (sigma / grid) ** 2
            for place, score in zip(places * grid, scores, strict=True):
                if score > _FAINTEST_HU:
                    z, y, x = place.tolist()
                    yield _Peak(float(score), sigma, (z, y, x))
        hu, depth, grid = hu[::2, ::2, ::2], depth[::2, ::2, ::2], 2 * grid


def _summits(hu: _Volume, inside: NDArray[np.bool_], least: float) -> NDArray[np.int64]:
    """``[n, 3]``: voxels where the negative Laplacian is ``least`` or more and largest around."""
    bump = np.zeros_like(hu)
    core = (slice(1, -1),) * 3
    for axis in range(3):
        low, high = (_shifted(hu, axis, way) for way in (-1, 1))
        bump[core] += 2 * hu[core] - low - high
    bump[~inside] = 0
    most = ndimage.maximum_filter(bump, size=3, mode="nearest")
    return np.argwhere((bump >= least) & (bump == most))


def _shifted(hu: _Volume, axis: int, way: int) -> _Volume:
    """All but the outermost voxels, moved by one along an axis."""
    part = [slice(1, -1)] * 3
    part[axis] = slice(1 + way, hu.shape[axis] - 1 + way)
    return hu[tuple(part)]


def _roundness(hu: _Volume, places: NDArray[np.int64]) -> NDArray[np.float64]:
    """Square of the least curvature over the greatest where all go down, else 0; HU a voxel^2."""

    def at(*moved: tuple[int, int]) -> _Vector:
        index = places.copy()
        for axis, way in moved:
            index[:, axis] += way
        return np.asarray(hu[tuple(index.T)], np.float64)

    hessian = np.empty((len(places), 3, 3))
    for i in range(3):
        hessian[:, i, i] = at((i, 1)) + at((i, -1)) - 2 * at()
        for j in range(i):
            across = (
                at((i, 1), (j, 1))
                + at((i, -1), (j, -1))
                - at((i, 1), (j, -1))
                - at((i, -1), (j, 1))
            )
            hessian[:, i, j] = hessian[:, j, i] = across / 4
    curvature = -np.linalg.eigvalsh(hessian)  # ascending: the last one is the least curved
    least, most = curvature[:, 2], curvature[:, 0]
    return np.asarray(np.where(least > 0, least**2 / np.maximum(most, 1e-9), 0.0))


def _smooth(hu: _Volume, sigma: float) -> _Volume:
    """Gaussian, ``sigma`` in voxels."""
    image = sitk.GetImageFromArray(np.ascontiguousarray(hu))
    return np.asarray(sitk.GetArrayFromImage(sitk.SmoothingRecursiveGaussian(image, sigma)))


def _depth(mask: NDArray[np.bool_], spacing: _Vector) -> _Volume:
    """How far inside a mask each voxel lies, mm; outside below 0."""
    image = sitk.GetImageFromArray(mask.astype(np.uint8))
    image.SetSpacing(spacing[::-1].tolist())
    distance = sitk.SignedMaurerDistanceMap(
        image, insideIsPositive=True, squaredDistance=False, useImageSpacing=True
    )
    return np.asarray(sitk.GetArrayFromImage(distance))


def _resample(
    values: _Volume, spacing: _Vector, origin: _Vector, size: NDArray[np.int64]
) -> _Volume:
    """Linear, onto ``size`` voxels of 1 mm from 0 on; beyond the edge as there."""
    image = sitk.GetImageFromArray(values)
    image.SetSpacing(spacing[::-1].tolist())
    image.SetOrigin(origin[::-1].tolist())
    resampler = sitk.ResampleImageFilter()
    resampler.SetSize(size[::-1].tolist())
    resampler.SetOutputSpacing([_GRID_MM] * 3)
    resampler.SetUseNearestNeighborExtrapolator(True)
    return np.asarray(sitk.GetArrayFromImage(resampler.Execute(image)))
