"""Tampering with whole slices, in memory: taken out, doubled, turned round, mirrored.

As in `mitsgan.evaluate.tampering.manipulations`, the tampered scan keeps no source.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mitsgan.errors import PositionError
from mitsgan.evaluate.tampering.manipulations import Manipulation
from mitsgan.scan.scan import Scan


def delete_slices(scan: Scan, first: int, count: int) -> Manipulation:
    """Take slices ``first`` to ``first + count - 1`` out; those behind them close up.

    All slices behind the cut count as changed: none lies where it says.

    Raises:
        PositionError: there are no such slices, or none before or behind them.
    """
    _check_slices(scan, first, count)
    kept = np.r_[0:first, first + count : len(scan.stored)]
    moved = np.zeros((len(kept), *scan.shape[1:]), bool)
    moved[first:] = True
    return Manipulation("slices deleted", _reordered(scan, kept), moved)


def duplicate_slices(scan: Scan, first: int, count: int) -> Manipulation:
    """Hide slices ``first`` to ``first + count - 1`` under copies of the one before them.

    Raises:
        PositionError: see `delete_slices`.
    """
    _check_slices(scan, first, count)
    order = np.arange(len(scan.stored))
    order[first : first + count] = first - 1
    return _with_order("slices duplicated", scan, order)


def reorder_slices(scan: Scan, first: int, count: int) -> Manipulation:
    """Turn the order of slices ``first`` to ``first + count - 1`` round.

    Raises:
        PositionError: see `delete_slices`.
    """
    _check_slices(scan, first, count)
    order = np.arange(len(scan.stored))
    order[first : first + count] = order[first : first + count][::-1]
    return _with_order("slices reordered", scan, order)


def flip(scan: Scan) -> Manipulation:
    """Swap left and right: every slice mirrored along x."""
    stored = np.ascontiguousarray(scan.stored[:, :, ::-1])
    return Manipulation(
        "left and right flipped",
        replace(scan.with_stored(stored), source=None),
        np.ones(scan.shape, bool),
    )


def _check_slices(scan: Scan, first: int, count: int) -> None:
    if count < 1 or first < 1 or first + count >= len(scan.stored):
        raise PositionError(
            f"slices {first} to {first + count - 1} of 0 to {len(scan.stored) - 1}: choose one or "
            "more that have a slice before and behind them"
        )


def _with_order(name: str, scan: Scan, order: NDArray[np.intp]) -> Manipulation:
    changed = np.zeros(scan.shape, bool)
    changed[order != np.arange(len(order))] = True
    return Manipulation(name, _reordered(scan, order), changed)


def _reordered(scan: Scan, order: NDArray[np.intp]) -> Scan:
    return replace(
        scan,
        stored=scan.stored[order],
        slope=scan.slope[order],
        intercept=scan.intercept[order],
        source=None,
    )
