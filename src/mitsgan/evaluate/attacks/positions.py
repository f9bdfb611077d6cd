"""Where simulated attacks strike: at given places."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mitsgan.attack import Action, Plan, plan_attack
from mitsgan.errors import PositionError
from mitsgan.scan.scan import Scan
from mitsgan.settings import Place


def plan_places(
    scan: Scan, hu: NDArray[np.float32], places: Sequence[Place], action: Action
) -> list[Plan]:
    """Plans for the voxels nearest to given places.

    Args:
        scan: where they lie.
        hu: its voxels ``[z, y, x]``, padding as air.
        places: LPS mm.
        action: of the attacker.

    Raises:
        PositionError: a place lies outside the scan or the body, or too near the border.
    """
    plans = []
    for place in places:
        text = ", ".join(f"{v:g}" for v in place)
        voxel = scan.geometry.to_voxel(place)
        if not all(0 <= i < n for i, n in zip(voxel, scan.shape, strict=True)):
            ends = [scan.geometry.to_world(v) for v in ((0, 0, 0), [n - 1 for n in scan.shape])]
            reach = " to ".join(f"({', '.join(f'{v:.1f}' for v in end)})" for end in ends)
            raise PositionError(
                f"the position {text} mm (LPS) lies outside the scan, which reaches from "
                f"{reach} mm; choose one inside"
            )
        try:
            plans.append(plan_attack(hu, scan.spacing, voxel, action))
        except PositionError as error:
            raise PositionError(f"{text} mm (LPS): {error}") from error
    return plans


def plan_possible(
    scan: Scan, hu: NDArray[np.float32], places: Sequence[Place], action: Action
) -> tuple[list[Plan], list[str]]:
    """As `plan_places` where that can be done, and in words why elsewhere it cannot."""
    plans, gaps = [], []
    for place in places:
        try:
            plans += plan_places(scan, hu, [place], action)
        except PositionError as error:
            gaps.append(str(error))
    return plans, gaps
