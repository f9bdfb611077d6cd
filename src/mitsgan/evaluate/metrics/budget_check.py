"""Whether a protected scan keeps its budget: every voxel, the padding, and the geometry."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from mitsgan.anatomy.noise import measure_noise
from mitsgan.errors import ScanError, counted
from mitsgan.perturb import Budget
from mitsgan.scan.scan import Scan

_SLAB = 16
_ROUNDING_HU = 1e-3
"""What single precision may add to a difference of two HU."""

_APART = 0.1
"""Of a voxel: how far corners may lie apart, as formats round positions differently."""


@dataclass(frozen=True)
class BudgetCheck:
    """What was found.

    Attributes:
        max_hu, noise_fraction, least_hu: the budget.
        voxels: how many were checked, padding left out.
        over: how many of them moved further than the budget.
        largest_hu: the largest change; infinite where a voxel is no number any more, which
            JSON has no word for: None where that was read.
        worst_voxel: where, ``[z, y, x]``; None where nothing moved.
        worst_lps_mm: the same place in mm.
        padding: how many voxels are padding in the original.
        padding_moved: how many of them are not what they were.
        corners_mm: how far the corners of the two grids lie apart at most.
        kept: whether all is as it should be.
    """

    max_hu: float
    voxels: int
    over: int
    largest_hu: float | None
    worst_voxel: tuple[int, int, int] | None
    worst_lps_mm: tuple[float, float, float] | None
    padding: int
    padding_moved: int
    corners_mm: float
    noise_fraction: float | None
    kept: bool
    least_hu: float = 0.0


def check_budget(original: Scan, protected: Scan, budget: Budget) -> BudgetCheck:
    """Check every voxel, slab by slab; noise that the budget follows is that of the original.

    Raises:
        ScanError: the scans differ in shape or lie elsewhere.
    """
    corners = check_geometry(original, protected)
    if budget.noise_fraction is not None:
        budget = replace(budget, noise=measure_noise(original))
    voxels = over = padding = moved = 0
    largest = 0.0
    worst: tuple[int, int, int] | None = None
    for start in range(0, original.shape[0], _SLAB):
        stop = min(start + _SLAB, original.shape[0])
        a, b = original.hu(start, stop), protected.hu(start, stop)
        outside = original.is_padding(start, stop)
        same = (np.abs(b - a) <= _ROUNDING_HU) | (a == b) | (np.isnan(a) & np.isnan(b))
        padding += int(outside.sum())
        moved += int((outside & ~same).sum())
        change = np.where(outside, np.float32(0), np.abs(b - a))
        # What is no number any more moved without end.
        change[np.isnan(change)] = np.inf
        voxels += change.size - int(outside.sum())
        limits = budget.limits(original, start, stop)
        over += int((change > limits + np.float32(_ROUNDING_HU)).sum())
        if change.max() > largest:
            largest = float(change.max())
            z, y, x = np.unravel_index(int(change.argmax()), change.shape)
            worst = (start + int(z), int(y), int(x))
    where = None if worst is None else original.geometry.to_world(worst)
    return BudgetCheck(
        max_hu=budget.max_hu,
        voxels=voxels,
        over=over,
        largest_hu=largest,
        worst_voxel=worst,
        worst_lps_mm=where,
        padding=padding,
        padding_moved=moved,
        corners_mm=corners,
        noise_fraction=budget.noise_fraction,
        kept=not over and not moved,
        least_hu=budget.least_hu,
    )


def check_geometry(original: Scan, protected: Scan) -> float:
    """How far corresponding corners of two scans lie apart at most, mm.

    Raises:
        ScanError: the scans differ in shape, or corners by more than a tenth of a voxel.
    """
    if original.shape != protected.shape:
        raise ScanError(
            f"the scans differ in shape, {original.shape} and {protected.shape} [z, y, x]; "
            "give a scan and its protected version"
        )
    corners = list(product(*((0, n - 1) for n in original.shape)))
    first, second = (
        np.asarray([scan.geometry.to_world(corner) for corner in corners])
        for scan in (original, protected)
    )
    apart = np.linalg.norm(second - first, axis=1)
    worst = int(apart.argmax())
    if apart[worst] > _APART * min(original.spacing):
        a, b = (", ".join(f"{v:.2f}" for v in place[worst]) for place in (first, second))
        raise ScanError(
            f"the scans lie in different places: voxel {corners[worst]} [z, y, x] is at "
            f"({a}) mm in one and at ({b}) mm in the other (LPS), spacings "
            f"{_spacing(original)} and {_spacing(protected)} mm [z, y, x]; "
            "give a scan and its protected version on the same grid"
        )
    return float(apart[worst])


def check_numbers(original: Scan, protected: Scan) -> None:
    """Refuse a protected scan with voxels of no value: nothing that is averaged would have one.

    Raises:
        ScanError: it holds no number where the original has one; says how often, and where.
    """
    if protected.is_integer:
        return
    lost, first = 0, (0, 0, 0)
    for start in range(0, original.shape[0], _SLAB):
        stop = min(start + _SLAB, original.shape[0])
        missing = ~np.isfinite(protected.hu(start, stop)) & ~original.is_padding(start, stop)
        if missing.any() and not lost:
            z, y, x = np.unravel_index(int(missing.argmax()), missing.shape)
            first = (start + int(z), int(y), int(x))
        lost += int(missing.sum())
    if lost:
        place = ", ".join(f"{v:.1f}" for v in original.geometry.to_world(first))
        raise ScanError(
            f"the protected scan holds no number at {counted(lost, 'voxel')} where the original "
            f"has one, such as at ({place}) mm LPS; give one that has a value wherever the "
            "original has"
        )


def _spacing(scan: Scan) -> str:
    return " x ".join(f"{s:.4g}" for s in scan.spacing)
