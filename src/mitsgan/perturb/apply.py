"""The one place where voxels change: perturbations are summed, bounded, rounded, and checked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mitsgan.errors import BudgetError, ExtensionError
from mitsgan.perturb.budget import Budget, Limits
from mitsgan.perturb.perturbation import Perturbation
from mitsgan.scan.canonical import canonical, canonical_order
from mitsgan.scan.scan import Scan
from mitsgan.slabs import in_slabs

SLAB = 16
"""Slices worked on at a time; it bounds memory and does not change the result."""


@dataclass(frozen=True)
class Protected:
    """A scan with perturbations applied, and how far it moved.

    Attributes:
        scan: the result.
        largest_hu, rms_hu: of its difference from the original, over voxels that are not padding.
        voxels: how many these are.
    """

    scan: Scan
    largest_hu: float
    rms_hu: float
    voxels: int


def apply_perturbations(
    scan: Scan,
    perturbations: Sequence[Perturbation],
    budget: Budget,
    *,
    slab: int = SLAB,
    progress: Callable[[int, int], None] | None = None,
) -> Protected:
    """Add perturbations to a scan within a budget.

    Padding stays as it is, and no other voxel becomes padding or leaves the stored range.
    Computed in canonical order (`mitsgan.scan.canonical`), so that perturbations see axial slices;
    the result is in the order of the scan.

    Args:
        scan: not modified.
        perturbations: at least one; they are summed before they are bounded.
        budget: holds for the stored values of the result, after rounding.
        slab: slices at a time; a few slabs are worked on at once.
        progress: called with slices done and slices in all.

    Raises:
        BudgetError: the budget is smaller than one stored step, or a check of the result failed.
        ExtensionError: a perturbation is not of the slices that it was asked for.
    """
    given, scan = scan, canonical(scan)
    budget = budget.on(scan)
    stored = np.empty_like(scan.stored)
    largest, squares, voxels = 0.0, 0.0, 0

    def work(start: int, stop: int) -> tuple[int, list[_Change]]:
        first, *others = perturbations
        total = _asked(first, scan, start, stop, budget)
        for other in others:
            total = total + _asked(other, scan, start, stop, budget)
        limits = budget.limits(scan, start, stop)
        changes = []
        for z in range(start, stop):  # one by one: a slice stays in the processor's cache
            limit = limits if isinstance(limits, float) else limits[z - start]
            changes.append(_move(scan, z, total[z - start], limit, budget, stored[z]))
        return stop, changes

    for done, slices in in_slabs(work, scan.shape[0], slab):
        for change in slices:
            largest = max(largest, change.largest_hu)
            squares += change.squares
            voxels += change.voxels
        if progress is not None:
            progress(done, scan.shape[0])
    rms = float(np.sqrt(squares / voxels)) if voxels else 0.0
    if scan is not given:
        back = canonical_order(given.geometry).inverse()
        stored = np.ascontiguousarray(back.arrange(stored))
    return Protected(given.with_stored(stored), largest, rms, voxels)


def _asked(
    perturbation: Perturbation, scan: Scan, start: int, stop: int, budget: Budget
) -> NDArray[np.float32]:
    """What is to be added to these slices: anybody's own may give those of other slices."""
    added: object = perturbation.perturbation(scan, start, stop, budget)
    wanted = (stop - start, *scan.shape[1:])
    if not isinstance(added, np.ndarray) or added.shape != wanted or added.dtype.kind not in "fiu":
        found = list(getattr(added, "shape", ()))
        of = f" of {added.dtype}" if isinstance(added, np.ndarray) else ""
        raise ExtensionError(
            f"{type(perturbation).__name__} was asked for slices {start} to {stop - 1} and gave a "
            f"{type(added).__name__}{of} of shape {found}; perturbation() must return an ndarray "
            f"of real numbers of shape {list(wanted)}"
        )
    return added


@dataclass(frozen=True)
class _Change:
    """How far one slice moved: the most, HU; the sum of squares, HU^2; voxels, padding apart."""

    largest_hu: float
    squares: float
    voxels: int


def _move(
    scan: Scan,
    z: int,
    wanted: NDArray[np.float32],
    limits: Limits,
    budget: Budget,
    into: NDArray[Any],
) -> _Change:
    """Write slice ``z``, moved as wanted within its limits, and check it."""
    whole = scan.stored[z]
    into[...] = whole
    padding = _padding(scan, z, whole)
    voxels = whole.size - int(np.count_nonzero(padding))
    box = _not_zero(wanted)
    if box is None:
        return _Change(0.0, 0.0, voxels)
    wanted, old, slope = wanted[box], whole[box], float(scan.slope[z])
    if not np.isfinite(wanted).all():
        raise BudgetError(f"a perturbation gave values that are no numbers in slice {z}")
    limit = limits if isinstance(limits, float) else limits[box]
    new = (_moved_integer if scan.is_integer else _moved_float)(scan, z, old, wanted, limit)
    padding = padding[box]
    stays = padding | _padding(scan, z, new)
    if stays.any():
        new[stays] = old[stays]
    change = np.subtract(new, old, dtype=_exact(old))
    if not scan.is_integer:
        change[padding] = 0  # what has no value has no difference either
    most = max(float(change.max()), -float(change.min())) * slope
    if not _kept(change, slope, limit, most):
        raise BudgetError(f"a voxel moved by up to {most} HU, beyond the budget ({budget})")
    into[box] = new
    # not vdot: the threads of BLAS would get in torch's way
    squares = float(np.square(change, dtype=np.float64).sum()) * slope**2
    return _Change(most, squares, voxels)


def _not_zero(wanted: NDArray[np.float32]) -> tuple[slice, slice] | None:
    """Rows and columns outside of which all is zero; None if it is so everywhere."""
    rows = np.flatnonzero(wanted.any(1))
    if not len(rows):
        return None
    across = slice(int(rows[0]), int(rows[-1]) + 1)
    columns = np.flatnonzero(wanted[across].any(0))
    return across, slice(int(columns[0]), int(columns[-1]) + 1)


def _kept(change: NDArray[Any], slope: float, limit: Limits, most: float) -> bool:
    """Whether a slice's change of stored values, of ``most`` HU, is within its limits."""
    if isinstance(limit, float):
        return most <= limit * (1 + 1e-6)
    return not (np.abs(change) * slope > limit * (1 + 1e-6)).any()


def _moved_integer(
    scan: Scan, z: int, old: NDArray[Any], wanted: NDArray[np.float32], limit: Limits
) -> NDArray[np.integer[Any]]:
    """Stored integers ``old`` of slice ``z`` after the move, by whole steps within the limit."""
    steps = np.floor(limit / scan.slope[z] + 1e-9)
    move = wanted if scan.slope[z] == 1 else wanted / np.float32(scan.slope[z])
    move = np.clip(move, -steps, steps)
    np.rint(move, out=move)
    new: NDArray[np.integer[Any]] = move.astype(np.int32)
    new += old
    low, high = (int(limit.item()) for limit in scan.stored_range(z, z + 1))
    np.clip(new, low, high, out=new)
    rounded: NDArray[np.integer[Any]] = new.astype(old.dtype)
    return rounded


def _moved_float(
    scan: Scan, z: int, old: NDArray[Any], wanted: NDArray[np.float32], limit: Limits
) -> NDArray[np.floating[Any]]:
    """Stored floats ``old`` of slice ``z`` after the move."""
    bound = limit / scan.slope[z]
    new: NDArray[np.floating[Any]] = old + np.clip(wanted / scan.slope[z], -bound, bound)
    new = new.astype(old.dtype)
    over = np.abs(new.astype(np.float64) - old) > bound
    new[over] = np.nextafter(new[over], old[over])
    return new


def _padding(scan: Scan, z: int, stored: NDArray[Any]) -> NDArray[np.bool_]:
    return np.asarray(scan.with_slices(stored[None], z, z + 1).is_padding()[0])


def _exact(stored: NDArray[Any]) -> type[np.int32] | type[np.float64]:
    """A type in which differences of stored values are exact."""
    return np.int32 if stored.dtype.kind in "iu" else np.float64
