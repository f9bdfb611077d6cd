"""Optimising a protection for the one scan at hand: what the options ask for, and the run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mitsgan.cli.options import UsageError, at_least

if TYPE_CHECKING:
    import torch

    from mitsgan.attack import Action, Surrogate
    from mitsgan.cli.console import Console
    from mitsgan.optimize import Places
    from mitsgan.perturb import Budget, Fixed, Perturbation
    from mitsgan.protect.registry import Identity
    from mitsgan.scan.scan import Scan

PGD = "pgd"
"""The protector that is optimised from random numbers."""

UNCERTAINTY_MM = 3.0
"""How far from a candidate place a removal may be centred."""

_HOW_LONG = "--protector pgd optimises a perturbation; say how long: --refine 300"


@dataclass(frozen=True)
class Refinement:
    """What is asked for.

    Attributes:
        steps, seconds: how long; one of them.
        attackers: the shipped pairs to optimise against.
        candidates: around places that look like nodules, against removal; else in the whole
            lung, against both.
        seed: of positions and random starts.
    """

    steps: int | None
    seconds: float | None
    attackers: tuple[Surrogate, ...]
    candidates: bool
    seed: int

    def note(self) -> str:
        """What the derived files say about it."""
        limit = f"{self.steps} steps" if self.steps else f"{self.seconds:g} s"
        places = "around candidate places" if self.candidates else "over the lung"
        return f"optimised {limit} {places} against {', '.join(self.attackers)}"

    def entry(self) -> dict[str, object]:
        """The same for the report."""
        return {
            "steps": self.steps,
            "seconds": self.seconds,
            "attackers": list(self.attackers),
            "places": "candidates" if self.candidates else "lung",
            "seed": self.seed,
        }

    def run(
        self,
        scan: Scan,
        budget: Budget,
        layer: Perturbation | None,
        device: torch.device,
        progress: Callable[[int, int], None] | None = None,
    ) -> Fixed:
        """Optimise, starting from ``layer`` or from random numbers.

        Raises:
            ScanError: there is no lung.
            PositionError: there is too little of it, or no candidate place.
        """
        from mitsgan.anatomy.places import LungPlaces
        from mitsgan.attack import Attacker, surrogate_path
        from mitsgan.optimize import Ascent, Target, optimize_scan

        places: Places = around_candidates(scan) if self.candidates else LungPlaces.of(scan)
        actions: tuple[Action, ...] = ("remove",) if self.candidates else ("inject", "remove")
        targets = [
            Target(Attacker.load(surrogate_path(name, action), device), places)
            for name in self.attackers
            for action in actions
        ]
        ascent = Ascent(steps=self.steps, seconds=self.seconds, seed=self.seed)
        return optimize_scan(scan, targets, budget, ascent, layer=layer, progress=progress)


def read_refinement(
    protector: str,
    seconds: float | None,
    steps: int | None,
    candidates: bool,
    attackers: Sequence[Surrogate],
    seed: int,
) -> Refinement | None:
    """What the options ask for; None for a protector as it is.

    Raises:
        UsageError: options that make no sense together.
    """
    if seconds is not None and steps is not None:
        raise UsageError("--refine and --refine-steps both say how long; give one of them")
    if seconds is None and steps is None:
        if protector == PGD:
            raise UsageError(_HOW_LONG)
        if candidates:
            raise UsageError("--candidates needs time to optimise around them; give --refine 300")
        return None
    at_least("--refine", 1 if seconds is None else seconds, 1)
    at_least("--refine-steps", 1 if steps is None else steps, 1)
    if not attackers:
        raise UsageError("--attackers: name at least one pair, such as textured")
    return Refinement(steps, seconds, tuple(attackers), candidates, seed)


def load_start(
    protector: str, weights: Path | None, seed: int, device: torch.device
) -> tuple[Perturbation | None, Identity]:
    """The protector, and what it is called; none for PGD, which starts from random numbers.

    Raises:
        WeightsError: see `mitsgan.protect.registry.load_protector`.
        UsageError: weights for PGD.
    """
    from mitsgan.protect.registry import Identity, identify, load_protector

    if protector != PGD:
        layer = load_protector(protector, weights=weights, seed=seed, device=device)
        return layer, identify(layer)
    if weights is not None:
        raise UsageError(f"--weights {weights}: pgd has no weights; leave them out")
    return None, Identity(PGD, "PGD", seed, None, str(device), "float32")


def for_scan(
    refinement: Refinement | None,
    layer: Perturbation | None,
    scan: Scan,
    budget: Budget,
    device: torch.device,
    console: Console,
) -> Perturbation:
    """The layer to apply: the protector as it is, or optimised for the scan.

    Raises:
        UsageError: neither a protector nor a refinement.
        ScanError, PositionError: see `Refinement.run`.
    """
    if refinement is not None:
        with console.phase("optimize", "optimising for this scan") as progress:
            return refinement.run(scan, budget, layer, device, progress)
    if layer is None:
        raise UsageError(_HOW_LONG)
    return layer


def around_candidates(scan: Scan) -> Places:
    """Balls around the places that look like nodules.

    Raises:
        ScanError: there is no lung.
        PositionError: there is no such place.
    """
    from mitsgan.anatomy.candidates import find_candidates
    from mitsgan.errors import PositionError
    from mitsgan.optimize import Around

    found = find_candidates(scan)
    if not found:
        raise PositionError(
            "found no place that looks like a nodule in this scan; leave --candidates out"
        )
    return Around(tuple(one.position for one in found), scan.spacing, UNCERTAINTY_MM)
