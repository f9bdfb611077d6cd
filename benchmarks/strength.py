"""Protectors brought to one strength: each one's own perturbation times one factor for the scan."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import median

import numpy as np
from numpy.typing import NDArray

from mitsgan.errors import MitsganError
from mitsgan.evaluate.attacks.slices import untouched_slices
from mitsgan.perturb import Budget, Fixed, Perturbation, apply_perturbations
from mitsgan.protect import Protector, RandomSign
from mitsgan.protect.registry import NATIVE_HU
from mitsgan.scan.scan import Scan

OWN_HU = 10.0
"""The budget at which a bounded protector's own perturbation is taken: the default one."""

CLOSE_HU = 0.05
"""So near to what is wanted is near enough."""

_ROUNDS = 6
"""Of mending the factor; the first is exact but for rounding and the storable range."""

Times = Callable[[float], Perturbation]
"""A protector's own perturbation, times a factor."""


@dataclass(frozen=True)
class Strength:
    """How a protector was brought to a point.

    Attributes:
        factor: that its own perturbation was multiplied by.
        square_rmse_hu: the median over positions that this came to, of the RMSE in the attacked
            32 mm square.
    """

    factor: float
    square_rmse_hu: float


def own_perturbation(layer: Protector, scan: Scan) -> Times:
    """What a protector adds to a scan in canonical order, to be multiplied.

    Of one that keeps to a budget, at `OWN_HU`; of any other, as it is without a bound. Random signs
    are drawn anew at each strength, between two whole HU in the right parts: times a factor they
    would all be rounded the same way.
    """
    if isinstance(layer, RandomSign):
        return lambda factor: replace(layer, rms_hu=OWN_HU * factor)
    own = Fixed.of(layer, scan, Budget(OWN_HU if layer.bounded else NATIVE_HU))
    return lambda factor: _Multiple(own, factor)


def bring(
    scan: Scan, times: Times, positions: Sequence[Sequence[int]], target_hu: float
) -> tuple[Strength, Scan]:
    """Protect a scan so that the median RMSE in the attacked squares is ``target_hu``.

    One factor for the whole scan. Nothing is clipped but what the file cannot hold; voxels that
    would become padding stay as they are, see `apply_perturbations`.

    Args:
        scan: in canonical order.
        times: of `own_perturbation`.
        positions: of the attacks, ``[z, y, x]``.
        target_hu: what is wanted. Where whole stored values allow no such strength, the nearest
            that was met.

    Raises:
        MitsganError: nothing moves where it is attacked.
    """
    best: tuple[Strength, Scan] | None = None
    factor = 1.0
    for _ in range(_ROUNDS):
        changed = apply_perturbations(scan, [times(factor)], Budget(NATIVE_HU)).scan
        reached = median(square_rmse(scan, changed, positions))
        if not reached:
            raise MitsganError(
                "nothing moves where the scan is attacked; leave this protector out, or name "
                "another scan"
            )
        if best is None or abs(reached - target_hu) < abs(best[0].square_rmse_hu - target_hu):
            best = Strength(factor, reached), changed
        if abs(reached - target_hu) <= CLOSE_HU:
            break
        factor *= target_hu / reached
    assert best is not None  # there are rounds
    return best


def square_rmse(scan: Scan, changed: Scan, positions: Sequence[Sequence[int]]) -> list[float]:
    """RMSE in the 32 mm square around every position, in the slice through it, HU."""
    found = []
    for before, after, inside, square in untouched_slices(scan, changed, positions):
        apart = (after - before)[square][inside[square]].astype(np.float64)
        found.append(math.sqrt(float(np.square(apart).mean())) if apart.size else 0.0)
    return found


@dataclass(frozen=True, eq=False)
class _Multiple:
    """A perturbation so many times as strong; a `Perturbation`."""

    own: Perturbation
    factor: float

    def perturbation(
        self, scan: Scan, start: int, stop: int, budget: Budget
    ) -> NDArray[np.float32]:
        """See `Perturbation`."""
        return self.own.perturbation(scan, start, stop, budget) * np.float32(self.factor)
