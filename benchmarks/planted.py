"""Nodules in a scan whose places are known: planted ones, and those that readers marked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from mitsgan.anatomy.candidates import Candidate
from mitsgan.anatomy.places import lung_positions
from mitsgan.attack.resample import Triple
from mitsgan.jobs.candidates.nodules import nodules_of
from mitsgan.scan.scan import Scan
from mitsgan.training.data.nodules import plant_nodule

DIAMETERS_MM = (8.0, 11.0, 14.0, 18.0)
PLANTED_SEED = 3
READERS = 3
"""So many have to have marked a nodule."""


@dataclass(frozen=True)
class Nodule:
    """Where a nodule is.

    Attributes:
        voxel: of its middle, ``[z, y, x]``.
        diameter_mm: its diameter.
        candidate_mm: how far from its middle the nearest candidate place is.
    """

    voxel: Triple
    diameter_mm: float
    candidate_mm: float | None = None


def plant(scan: Scan) -> tuple[Scan, tuple[Nodule, ...]]:
    """A copy of a scan with a solid nodule of each of `DIAMETERS_MM`, deep in the lung.

    Raises:
        PositionError: there is too little lung.
        ScanError: there is no lung.
    """
    hu = scan.hu()
    random = torch.Generator().manual_seed(PLANTED_SEED)
    places = lung_positions(scan, len(DIAMETERS_MM), PLANTED_SEED)
    for place, diameter in zip(places, DIAMETERS_MM, strict=True):
        hu, _ = plant_nodule(hu, scan.spacing, place, "solid", diameter, random)
    nodules = (Nodule(place, d) for place, d in zip(places, DIAMETERS_MM, strict=True))
    return scan.with_hu(hu), tuple(nodules)


def listed(scan: Scan, lists: Sequence[Path]) -> tuple[Nodule, ...]:
    """The nodules of lists that enough readers marked.

    Raises:
        DataError: a list cannot be read, or holds none of this scan.
    """
    found = nodules_of(scan, lists, READERS)
    return tuple(Nodule(_nearest(one.voxel), round(one.diameter_mm, 1)) for one in found)


def nearest_candidate(
    candidates: Sequence[Candidate], place: Sequence[int], spacing: Sequence[float]
) -> tuple[Candidate, float]:
    """The candidate that is nearest to a voxel, and how far it is, mm."""
    gaps = [float(np.linalg.norm(np.subtract(one.position, place) * spacing)) for one in candidates]
    nearest = int(np.argmin(gaps))
    return candidates[nearest], round(gaps[nearest], 2)


def _nearest(voxel: Sequence[float]) -> Triple:
    z, y, x = (round(float(part)) for part in voxel)
    return z, y, x
