"""Volume and density of a nodule, by one fixed rule without a learned model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk  # noqa: N813 - its own habit
from numpy.typing import NDArray

from mitsgan.errors import PositionError
from mitsgan.scan.scan import Scan

THRESHOLD_HU = -400.0
"""Midway between lung and soft tissue: the border of a solid nodule."""

REACH_MM = 25.0
"""Radius of the ball around the given place that is looked at."""

_NEAR_MM = 5.0
_OPENINGS_MM = (0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0)


@dataclass(frozen=True)
class SegmentedNodule:
    """What was segmented.

    Attributes:
        volume_mm3: of all voxels together.
        mean_hu: their mean.
        opening_mm: radius of the opening that parted it from vessels and wall.
    """

    volume_mm3: float
    mean_hu: float
    opening_mm: float


def segment_nodule(
    scan: Scan, place: Sequence[float], *, opening_mm: float | None = None
) -> SegmentedNodule | None:
    """Segment a nodule: tissue above -400 HU that holds together around a place.

    Args:
        scan: the scan.
        place: LPS mm, in or beside the nodule (5 mm at most).
        opening_mm: the radius of the morphological opening that cuts vessels and wall off. By
            default the smallest of 0 to 6 mm after which the nodule ends within 25 mm; give the
            one found in the original for its protected version, so that the rule stays.

    Returns:
        None where no tissue is there, or it cannot be parted from what surrounds it.

    Raises:
        PositionError: the place lies outside the scan.
    """
    centre = scan.geometry.to_voxel(place)
    if not all(0 <= i < n for i, n in zip(centre, scan.shape, strict=True)):
        raise PositionError(
            f"the nodule at {tuple(place)} mm (LPS) lies outside the scan, at voxel {centre} "
            f"[z, y, x] of {scan.shape}; check the position and its coordinate system"
        )
    start = [max(0, i - round(REACH_MM / s)) for i, s in zip(centre, scan.spacing, strict=True)]
    stop = [
        min(n, i + round(REACH_MM / s) + 1)
        for i, s, n in zip(centre, scan.spacing, scan.shape, strict=True)
    ]
    hu = scan.hu(start[0], stop[0], (slice(start[1], stop[1]), slice(start[2], stop[2])))
    away = _distances(hu.shape, [c - s for c, s in zip(centre, start, strict=True)], scan.spacing)
    tissue = (hu > THRESHOLD_HU) & (away <= REACH_MM)
    for radius in _OPENINGS_MM if opening_mm is None else (opening_mm,):
        piece = _piece(tissue, away, radius, scan.spacing)
        if piece is None:
            return None
        if away[piece].max() < REACH_MM - max(scan.spacing):
            volume = float(piece.sum() * np.prod(scan.spacing))
            return SegmentedNodule(volume, float(hu[piece].mean(dtype=np.float64)), radius)
    return None


def _piece(
    tissue: NDArray[np.bool_],
    away: NDArray[np.float64],
    radius_mm: float,
    spacing: Sequence[float],
) -> NDArray[np.bool_] | None:
    """The connected part of the opened tissue that is nearest to the centre."""
    image = sitk.GetImageFromArray(tissue.astype(np.uint8))
    voxels = [round(radius_mm / s) for s in reversed(spacing)]
    if any(voxels):
        image = sitk.BinaryMorphologicalOpening(image, voxels)
    labels = sitk.GetArrayFromImage(sitk.ConnectedComponent(image))
    near = np.where(labels > 0, away, np.inf)
    nearest = np.unravel_index(int(near.argmin()), near.shape)
    if near[nearest] > _NEAR_MM:
        return None
    piece: NDArray[np.bool_] = labels == labels[nearest]
    return piece


def _distances(
    shape: Sequence[int], centre: Sequence[int], spacing: Sequence[float]
) -> NDArray[np.float64]:
    """Distance of every voxel from ``centre``, mm."""
    z, y, x = (
        ((np.arange(n) - c) * s) ** 2 for n, c, s in zip(shape, centre, spacing, strict=True)
    )
    distance: NDArray[np.float64] = np.sqrt(z[:, None, None] + y[:, None] + x)
    return distance
