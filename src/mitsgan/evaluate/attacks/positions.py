"""Where simulated attacks strike: random places in the lung, or given ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mitsgan.anatomy.lung import find_lung
from mitsgan.attack import Action, Plan, plan_attack
from mitsgan.attack.plan import block_start, sizes
from mitsgan.errors import PositionError
from mitsgan.scan.scan import Scan

Place = tuple[float, float, float]
"""LPS mm."""

DEPTH_MM = 5.0


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


def lung_positions(scan: Scan, count: int, seed: int) -> list[tuple[int, int, int]]:
    """Random voxels ``[z, y, x]`` at least 5 mm deep in the lung, with a whole cube around them.

    Raises:
        PositionError: the lung in the scan is too small for that.
        ScanError: there is no lung.
    """
    lung = find_lung(scan).within(DEPTH_MM, scan.spacing)
    if not lung.mask.any():
        raise PositionError(f"no lung is {DEPTH_MM:.0f} mm deep in this scan; name positions")
    cube, _ = sizes(scan.spacing)
    found: list[tuple[int, int, int]] = []
    for candidate in lung.positions(200 * count, np.random.default_rng(seed)):
        start = np.asarray(block_start(candidate.tolist(), cube))
        if (start >= 0).all() and (start + cube <= scan.shape).all():
            z, y, x = candidate.tolist()
            found.append((z, y, x))
            if len(found) == count:
                return found
    raise PositionError(
        f"only {len(found)} of {count} lung positions have a whole 32 mm cube around them; "
        "the scan covers too little of the lung"
    )
