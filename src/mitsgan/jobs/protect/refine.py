"""Optimising a protection for the one scan at hand: what only a run that does so has to load."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from mitsgan.anatomy.candidates import find_candidates
from mitsgan.anatomy.places import LungPositions
from mitsgan.attack import ATTACKERS
from mitsgan.attack.resample import Triple
from mitsgan.errors import PositionError
from mitsgan.jobs.candidates.nodules import nodules_of
from mitsgan.jobs.protect.refinement import Refinement
from mitsgan.optimize import Ascent, Threat, optimize_scan
from mitsgan.optimize.removals import removals_around
from mitsgan.perturb import Budget, Fixed, Perturbation
from mitsgan.progress import Steps
from mitsgan.scan.scan import Scan


def refine(
    how: Refinement,
    scan: Scan,
    budget: Budget,
    layer: Perturbation | None,
    device: torch.device,
    progress: Steps | None = None,
    checkpoint: Path | None = None,
) -> Fixed:
    """Optimise, starting from ``layer`` or from random numbers, or from a checkpoint on.

    Raises:
        ScanError: there is no lung.
        PositionError: there is too little of it, or no candidate place.
        DataError: a list of nodules cannot be read, or holds none of this scan; or the checkpoint
            is of another scan or ascent.
    """
    removers = [ATTACKERS.get(name).make("remove", device) for name in how.attackers]
    if how.is_around_places:
        threats = removals_around(_known_places(how, scan), scan.spacing, removers)
    else:  # a direction has nothing over a distance there; see docs/decisions/objective.md
        places = LungPositions.of(scan)
        injectors = [ATTACKERS.get(name).make("inject", device) for name in how.attackers]
        both = zip(injectors, removers, strict=True)
        threats = [Threat(attacker, places) for pair in both for attacker in pair]
    ascent = Ascent(steps=how.steps, seconds=how.seconds, seed=how.seed, varied=how.varied)
    return optimize_scan(
        scan, threats, budget, ascent, layer=layer, progress=progress, checkpoint=checkpoint
    )


def _known_places(how: Refinement, scan: Scan) -> list[Triple]:
    return nodules_in(scan, how.nodules, how.readers) if how.nodules else candidates_in(scan)


def nodules_in(scan: Scan, lists: Sequence[Path], readers: int) -> list[Triple]:
    """Voxels ``[z, y, x]`` of the nodules that lists tell of.

    Raises:
        DataError: a list cannot be read, or holds none of this scan.
        PositionError: a nodule lies outside the scan.
    """
    centres = [
        tuple(round(float(part)) for part in one.voxel) for one in nodules_of(scan, lists, readers)
    ]
    return [(z, y, x) for z, y, x in centres]


def candidates_in(scan: Scan) -> list[Triple]:
    """Voxels ``[z, y, x]`` that look like nodules.

    Raises:
        ScanError: there is no lung.
        PositionError: there is no such place.
    """
    candidates = find_candidates(scan)
    if not candidates:
        raise PositionError(
            "found no place that looks like a nodule in this scan; leave `candidates` out"
        )
    return [one.position for one in candidates]
