"""Optimising a protection for the one scan at hand."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from mitsgan.anatomy.candidates import find_candidates
from mitsgan.anatomy.places import LungPositions
from mitsgan.attack import ATTACKERS, Action
from mitsgan.errors import PositionError
from mitsgan.jobs.protect.result import RefinementEntry
from mitsgan.jobs.protect.settings import ProtectSettings
from mitsgan.optimize import Around, Ascent, PositionDistribution, Threat, optimize_scan
from mitsgan.perturb import Budget, Fixed, Perturbation
from mitsgan.progress import Steps
from mitsgan.scan.scan import Scan

UNCERTAINTY_MM = 3.0
"""How far from a candidate place a removal may be centred."""


@dataclass(frozen=True)
class Refinement:
    """How long, where and against whom.

    Attributes:
        steps, seconds: how long; one of them.
        attackers: the pairs to optimise against.
        candidates: around places that look like nodules, against removal; else in the whole
            lung, against both.
        seed: of positions and random starts.
    """

    steps: int | None
    seconds: float | None
    attackers: tuple[str, ...]
    candidates: bool
    seed: int

    @classmethod
    def of(cls, settings: ProtectSettings) -> Refinement | None:
        """What settings ask for; None for a protector as it is."""
        if not settings.refines:
            return None
        return cls(
            settings.refine_steps,
            settings.refine,
            settings.attackers,
            settings.candidates,
            settings.seed,
        )

    def note(self) -> str:
        """What the derived files say about it."""
        limit = f"{self.steps} steps" if self.steps else f"{self.seconds:g} s"
        places = "around candidate places" if self.candidates else "over the lung"
        return f"optimised {limit} {places} against {', '.join(self.attackers)}"

    def entry(self) -> RefinementEntry:
        """The same for results."""
        places = "candidates" if self.candidates else "lung"
        return RefinementEntry(self.steps, self.seconds, self.attackers, places, self.seed)

    def run(
        self,
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
        """
        places: PositionDistribution = (
            around_candidates(scan) if self.candidates else LungPositions.of(scan)
        )
        actions: tuple[Action, ...] = ("remove",) if self.candidates else ("inject", "remove")
        threats = [
            Threat(ATTACKERS.get(name).make(action, device), places)
            for name in self.attackers
            for action in actions
        ]
        ascent = Ascent(steps=self.steps, seconds=self.seconds, seed=self.seed)
        return optimize_scan(scan, threats, budget, ascent, layer=layer, progress=progress)


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
