"""Where simulated attacks strike: random places in the lung."""

from __future__ import annotations

import numpy as np

from mitsgan.attack.plan import block_start, sizes
from mitsgan.errors import PositionError
from mitsgan.scan.lung import find_lung
from mitsgan.scan.scan import Scan

DEPTH_MM = 5.0


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
