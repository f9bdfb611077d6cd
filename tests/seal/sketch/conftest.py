"""A chest with pixels as fine as a scanner's, its sketch, and what may be done to it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from mitsgan.phantom.chest import chest
from mitsgan.scan.scan import Scan
from mitsgan.seal.sketch.sketch import Sketch, make_sketch

Array = NDArray[np.float32]

LUNG = (14, 120, 66)
"""A voxel within the right lung of `patient`."""


@pytest.fixture(scope="session")
def patient() -> Scan:
    """A chest, 28 x 256 x 256 at 5 x 1.4 x 1.4 mm; cells are one slice of 3 x 3 pixels."""
    return chest((28, 256, 256), (5.0, 1.4, 1.4), seed=4)


@pytest.fixture(scope="session")
def sketch(patient: Scan) -> Sketch:
    return make_sketch(patient)


def with_hu(scan: Scan, hu: Array) -> Scan:
    """The scan with other values, on its own grid."""
    stored = np.rint((hu - scan.intercept[0]) / scan.slope[0])
    low, high = scan.lowest, scan.highest
    return replace(scan, stored=np.clip(stored, low, high).astype(scan.stored.dtype))


def with_values(scan: Scan, values: Array) -> Scan:
    """The scan as an image of numbers that a program took for something else than HU."""
    slope, intercept = np.ones(len(values)), np.zeros(len(values))
    return replace(scan, stored=values.astype(np.float32), slope=slope, intercept=intercept)


def painted(scan: Scan, centre: tuple[int, int, int], diameter_mm: float, hu: float = 40.0) -> Scan:
    """The scan with a ball of soft tissue in it, with a soft rim of a voxel."""
    places = np.meshgrid(*(np.arange(n) for n in scan.shape), indexing="ij", sparse=True)
    apart = np.sqrt(
        sum(
            np.square((at - c) * mm) for at, c, mm in zip(places, centre, scan.spacing, strict=True)
        )
    )
    cover = np.clip((diameter_mm / 2 - apart) / scan.spacing[2] + 0.5, 0, 1).astype(np.float32)
    values = scan.hu()
    return with_hu(scan, values + cover * (np.float32(hu) - values))
