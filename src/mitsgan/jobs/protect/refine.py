"""Optimising a protection for the one scan at hand: what only a run that does so has to load."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from mitsgan.anatomy.candidates import find_candidates
from mitsgan.anatomy.places import LungPositions
from mitsgan.attack import ATTACKERS, Action
from mitsgan.attack.objectives import distance, more_remainder
from mitsgan.errors import PositionError
from mitsgan.jobs.candidates.nodules import nodules_of
from mitsgan.jobs.protect.refinement import Refinement
from mitsgan.optimize import Around, Ascent, PositionDistribution, Threat, optimize_scan
from mitsgan.perturb import Budget, Fixed, Perturbation
from mitsgan.progress import Steps
from mitsgan.scan.scan import Scan

UNCERTAINTY_MM = 3.0
"""How far from a candidate place a removal may be centred."""


def refine(
    how: Refinement,
    scan: Scan,
    budget: Budget,
    layer: Perturbation | None,
    device: torch.device,
    progress: Steps | None = None,
) -> Fixed:
    """Optimise, starting from ``layer`` or from random numbers.

    Raises:
        ScanError: there is no lung.
        PositionError: there is too little of it, or no candidate place.
        DataError: a list of nodules cannot be read, or holds none of this scan.
    """
    places = _places(how, scan)
    known = how.is_around_places
    actions: tuple[Action, ...] = ("remove",) if known else ("inject", "remove")
    # Over a lung a direction has nothing over a distance; see docs/decisions/objective.md.
    objective = more_remainder if known else distance
    threats = [
        Threat(ATTACKERS.get(name).make(action, device), places, objective)
        for name in how.attackers
        for action in actions
    ]
    ascent = Ascent(steps=how.steps, seconds=how.seconds, seed=how.seed, varied=how.varied)
    return optimize_scan(scan, threats, budget, ascent, layer=layer, progress=progress)


def _places(how: Refinement, scan: Scan) -> PositionDistribution:
    if how.nodules:
        return around_nodules(scan, how.nodules, how.readers)
    return around_candidates(scan) if how.candidates else LungPositions.of(scan)


def around_nodules(scan: Scan, lists: Sequence[Path], readers: int) -> Around:
    """Balls around the nodules that lists tell of.

    Raises:
        DataError: a list cannot be read, or holds none of this scan.
        PositionError: a nodule lies outside the scan.
    """
    centres = [
        tuple(round(float(part)) for part in one.voxel) for one in nodules_of(scan, lists, readers)
    ]
    return Around([(z, y, x) for z, y, x in centres], scan.spacing, UNCERTAINTY_MM)


def around_candidates(scan: Scan) -> PositionDistribution:
    """Balls around the places that look like nodules.

    Raises:
        ScanError: there is no lung.
        PositionError: there is no such place.
    """
    candidates = find_candidates(scan)
    if not candidates:
        raise PositionError(
            "found no place that looks like a nodule in this scan; leave `candidates` out"
        )
    return Around(tuple(one.position for one in candidates), scan.spacing, UNCERTAINTY_MM)
