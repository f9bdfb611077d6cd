"""The one place where voxels change: layers are summed, bounded, rounded, and checked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mitsgan.errors import BudgetError
from mitsgan.protect.budget import Budget
from mitsgan.scan.scan import Scan

SLAB = 32
"""Slices worked on at a time; it bounds memory and does not change the result."""


class Layer(Protocol):
    """Anything that adds to a scan: a protector's perturbation, later the mark."""

    def perturbation(
        self, scan: Scan, start: int, stop: int, budget: Budget
    ) -> NDArray[np.float32]:
        """What to add to slices ``start:stop`` of ``scan``: ``[z, y, x]`` in HU.

        It depends on the scan and on the slices' numbers, never on how a scan is cut into slabs.
        """
        ...


@dataclass(frozen=True)
class Protected:
    """A scan with layers applied, and how far it moved (HU, over voxels that are not padding)."""

    scan: Scan
    largest_hu: float
    rms_hu: float
    voxels: int


def apply_layers(
    scan: Scan,
    layers: Sequence[Layer],
    budget: Budget,
    *,
    slab: int = SLAB,
    progress: Callable[[int, int], None] | None = None,
) -> Protected:
    """Apply layers to a scan within a budget.

    Padding stays as it is, and no other voxel becomes padding or leaves the stored range.

    Args:
        scan: not modified.
        layers: their perturbations are summed before they are bounded.
        budget: holds for the stored values of the result, after rounding.
        slab: slices at a time.
        progress: called with slices done and slices in all.

    Raises:
        BudgetError: the budget is smaller than one stored step, or a check of the result failed.
    """
    steps = budget.steps(scan) if scan.is_integer else None
    stored = np.empty_like(scan.stored)
    largest, squares, voxels = 0.0, 0.0, 0
    for start in range(0, scan.shape[0], slab):
        stop = min(start + slab, scan.shape[0])
        total = layers[0].perturbation(scan, start, stop, budget)
        for layer in layers[1:]:
            total = total + layer.perturbation(scan, start, stop, budget)
        if not np.isfinite(total).all():
            raise BudgetError(f"a layer gave values that are no numbers in slices {start}-{stop}")
        if steps is None:
            new, change = _moved_float(scan, start, stop, total, budget)
        else:
            new, change = _moved_integer(scan, start, stop, total, steps[start:stop])
        stored[start:stop] = new
        most = float(np.abs(change).max(initial=0.0))
        if most > budget.max_hu * (1 + 1e-6):
            raise BudgetError(f"a voxel moved by {most} HU, the budget is {budget.max_hu} HU")
        largest = max(largest, most)
        squares += float(np.vdot(change, change))
        voxels += change.size - int(np.count_nonzero(scan.is_padding(start, stop)))
        if progress is not None:
            progress(stop, scan.shape[0])
    rms = float(np.sqrt(squares / voxels)) if voxels else 0.0
    return Protected(scan.with_stored(stored), largest, rms, voxels)


def _moved_integer(
    scan: Scan, start: int, stop: int, total: NDArray[np.float32], steps: NDArray[np.int64]
) -> tuple[NDArray[Any], NDArray[np.float32]]:
    """Stored integers after the move, and the move in HU."""
    slope = scan.slope[start:stop].astype(np.float32)[:, None, None]
    bound = steps.astype(np.float32)[:, None, None]
    old = scan.stored[start:stop]
    move = total / slope
    np.clip(move, -bound, bound, out=move)
    np.rint(move, out=move)
    wide = move.astype(np.int32)
    wide += old
    np.clip(wide, int(scan.lowest), int(scan.highest), out=wide)
    new = wide.astype(old.dtype)
    kept = scan.is_padding(start, stop) | scan.with_slices(new, start, stop).is_padding()
    np.copyto(new, old, where=kept)
    np.subtract(new, old, out=wide, dtype=np.int32)
    return new, wide * slope


def _moved_float(
    scan: Scan, start: int, stop: int, total: NDArray[np.float32], budget: Budget
) -> tuple[NDArray[Any], NDArray[np.float32]]:
    """Stored floats after the move, and the move in HU."""
    slope = scan.slope[start:stop, None, None]
    old = scan.stored[start:stop]
    bound = budget.max_hu / slope
    new = (old + np.clip(total / slope, -bound, bound)).astype(old.dtype)
    over = np.abs(new.astype(np.float64) - old) > bound
    new[over] = np.nextafter(new[over], old[over])
    kept = scan.is_padding(start, stop) | scan.with_slices(new, start, stop).is_padding()
    new[kept] = old[kept]
    change = np.where(kept, 0, (new.astype(np.float64) - old) * slope)
    return new, change.astype(np.float32)
