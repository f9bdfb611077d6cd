"""Disruption over position uncertainty: what it costs not to know where an attack strikes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

import numpy as np
from torch import Tensor

from mitsgan.anatomy.places import LungPositions
from mitsgan.attack import Attacker, Plan, cut_blocks, hu_volume
from mitsgan.attack.resample import Triple
from mitsgan.optimize.ascent import Ascent, optimize
from mitsgan.optimize.attacked_scan import AttackedScan, Threat
from mitsgan.optimize.places import Around, PositionDistribution
from mitsgan.scan.scan import Scan

METHOD = "pgd"
"""What rows of the perturbation that is optimised for each uncertainty are called."""


def position_uncertainty(
    original: Scan,
    attacker: Attacker,
    centres: Sequence[Triple],
    uncertainties_mm: Sequence[float],
    *,
    max_hu: float,
    steps: int,
    draws: int,
    seed: int,
    perturbations: Mapping[str, Tensor],
) -> list[dict[str, Any]]:
    """How far an attacker is disrupted whose position is known to so many mm.

    For every centre and uncertainty a perturbation is optimised over positions in that ball, by
    gradient ascent through the attacker, and attacked at positions that were held out: other
    draws from the same ball. The given perturbations, which know nothing of the centre, are
    attacked at the same positions.

    Args:
        original: the scan.
        attacker: whom the perturbation is optimised against, and who attacks.
        centres: voxels ``[z, y, x]``.
        uncertainties_mm: radii of the ball. 0 is the upper control, a known position; infinity
            is anywhere in the lung, with as many steps as all the centres have.
        max_hu: the budget of what is optimised.
        steps: of the ascent, of 8 positions each.
        draws: held-out attacks for each centre and uncertainty; at 0 mm one is all there are.
        seed: of positions and starts.
        perturbations: of protectors, by name: ``[z, y, x]`` in HU, as stored.

    Returns:
        A row for each method, uncertainty and centre: ``method``, ``uncertainty_mm`` (None: in
        the lung), ``centre`` (voxel ``[z, y, x]``; in the lung its draws lie anywhere),
        ``rmse_hu`` (mean over the draws of the disruption in the core), and ``perturbation_hu``
        (RMSE of the perturbation in the 32 mm cubes of the draws).

    Raises:
        PositionError: positions around a centre cannot be attacked.
        ScanError: there is no lung, where it was asked for.
    """
    scan = AttackedScan(hu_volume(original), original.spacing)
    rows: list[dict[str, Any]] = []
    for radius in uncertainties_mm:
        everywhere = math.isinf(radius)
        optimized: Tensor | None = None
        for number, centre in enumerate(centres):
            places: PositionDistribution = (
                LungPositions.of(original)
                if everywhere
                else Around((centre,), scan.spacing, radius)
            )
            threat = Threat(attacker, places)
            if optimized is None or not everywhere:
                ascent = Ascent(steps=steps * len(centres) if everywhere else steps, seed=seed)
                optimized = optimize(scan, [threat], max_hu, ascent)
            rng = np.random.default_rng((seed, number, 1))  # the ascent's own has another length
            plans = scan.plans(threat, draws if radius else 1, rng)
            for method, perturbation in {METHOD: optimized, **perturbations}.items():
                rows.append(
                    {
                        "method": method,
                        "uncertainty_mm": None if everywhere else float(radius),
                        "centre": list(centre),
                        "rmse_hu": fmean(scan.disruption(perturbation, plans, attacker)),
                        "perturbation_hu": _energy(perturbation, plans),
                    }
                )
    return rows


def _energy(perturbation: Tensor, plans: Sequence[Plan]) -> float:
    """RMSE over the cubes of all plans together, HU."""
    cubes = cut_blocks(perturbation, [p.position for p in plans], plans[0].cube, outside=0.0)
    return float(cubes.square().mean().sqrt())
