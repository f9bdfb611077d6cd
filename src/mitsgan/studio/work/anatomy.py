"""Lungs, and places where a nodule might be."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from mitsgan.anatomy.lung import find_lung
from mitsgan.jobs.candidates.candidates import candidates
from mitsgan.progress import Phases, Progress
from mitsgan.scan.canonical import canonical
from mitsgan.studio.layers import CellLayer
from mitsgan.studio.series import Series


def add_lung(series: Series, progress: Progress) -> dict[str, Any]:
    """Find the lungs, as a layer.

    Raises:
        ScanError: there is no lung.
    """
    with Phases(progress).phase("lung", "finding the lungs"):
        scan = canonical(series.scan)
        lung = find_lung(scan)
    z, y, x = (step * mm for step, mm in zip(lung.stride, scan.spacing, strict=True))
    geometry = replace(scan.geometry, spacing=(z, y, x))
    series.layers["lung"] = CellLayer(np.where(lung.mask, np.uint8(255), np.uint8(0)), geometry)
    return {"series": series.card()}


def add_candidates(series: Series, progress: Progress) -> dict[str, Any]:
    """Find candidates, as points.

    Raises:
        ScanError: there is no lung.
    """
    series.points["candidates"] = [
        {
            "place": entry.lps_mm,
            "radius_mm": entry.radius_mm,
            "text": f"{2 * entry.radius_mm:.0f} mm, {entry.score:.0f} HU",
        }
        for entry in candidates(series.scan, progress=progress)
    ]
    return {"series": series.card()}
