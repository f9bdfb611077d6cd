"""Two scans side by side without any attack: budget, metrics over regions, invariants."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mitsgan.anatomy.lung import Lung, find_lung
from mitsgan.errors import ScanError
from mitsgan.evaluate.diagnosis.invariant import Invariant
from mitsgan.evaluate.diagnosis.invariants import find_places, invariants
from mitsgan.evaluate.diagnosis.nodule_calls import find_classifier_sites
from mitsgan.evaluate.diagnosis.rescan import Level
from mitsgan.evaluate.metrics.budget_check import BudgetCheck, check_budget
from mitsgan.evaluate.metrics.fidelity import Fidelity
from mitsgan.evaluate.metrics.lpips import Lpips
from mitsgan.evaluate.metrics.metrics import Comparison, compare_scans
from mitsgan.evaluate.metrics.regions import WHOLE, RegionOfInterest, body_region, lung_region
from mitsgan.evaluate.metrics.windows import HU
from mitsgan.networks.classifier import NoduleClassifier
from mitsgan.perturb import Budget
from mitsgan.scan.scan import Scan
from mitsgan.settings import Place

LUNG_DEPTH_MM = 3.0
"""Density and texture of the lung are measured this far from its border, where no voxel is
partly wall."""

DIAGNOSIS_STEPS = 6
"""Of `diagnose`, as it tells them; with a classifier one more."""


@dataclass(frozen=True)
class Diagnosis:
    """What was measured without an attacker.

    Attributes:
        budget: whether the budget was kept.
        metrics: how far the scans are apart, region by region; the whole scan first.
        invariants: what a diagnosis rests on.
        gaps: what could not be measured, and why, in words.
    """

    budget: BudgetCheck
    metrics: tuple[Comparison, ...]
    invariants: tuple[Invariant, ...]
    gaps: tuple[str, ...]

    @property
    def fidelity(self) -> Fidelity:
        """The whole scan in HU."""
        return Fidelity.of(self.metrics[0].windows[HU.name])


def diagnose(
    original: Scan,
    protected: Scan,
    *,
    budget: Budget,
    seed: int,
    nodules: Sequence[Place] = (),
    lpips: Lpips | None = None,
    classifier: NoduleClassifier | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Diagnosis:
    """Measure what needs no attacker.

    Args:
        original, protected: the scans.
        budget: to be checked.
        seed: of the re-scan noise.
        nodules: where nodules are known to be, LPS mm.
        lpips: the perceptual distance, if its weights are there.
        classifier: to be asked whether findings appear or disappear.
        say: told what is being done.

    Raises:
        ScanError: the scans differ in shape or lie elsewhere.
        PositionError: a nodule lies outside the scan.
    """
    say("budget")
    check = check_budget(original, protected, budget)
    gaps: list[str] = []
    regions = [WHOLE]
    try:
        regions.append(body_region(original))
    except ScanError as error:
        gaps.append(f"body: {error}")
    lung = deep = None
    try:
        lungs = find_lung(original)
        lung, deep = lung_region(lungs), _deep(lungs, original)
        regions.append(lung)
    except ScanError as error:
        gaps.append(f"lung: {error}")
    say("places for invariants")
    places, missing = find_places(original, lung, deep, nodules)
    say("metrics")
    metrics = compare_scans(original, protected, regions, lpips)
    if not metrics[0].voxels:
        raise ScanError("every voxel of the original is padding; give a CT scan in HU")
    calls = None
    if classifier is not None:
        where, nowhere = find_classifier_sites(original, nodules, seed)
        missing += nowhere
        calls = (where, classifier)
    levels = _levels(regions, metrics)
    figures = invariants(original, protected, places, levels, seed, calls=calls, say=say)
    gaps += [*missing, *_lost(figures)]
    return Diagnosis(check, tuple(metrics), tuple(figures), tuple(gaps))


def _lost(figures: Sequence[Invariant]) -> list[str]:
    """What only the original shows, such as a nodule that is gone: no change says so."""
    return [
        f"{figure.name} in the protected scan: what the original shows there is not to be found"
        for figure in figures
        if figure.original is not None and figure.protected is None
    ]


def _levels(regions: Sequence[RegionOfInterest], metrics: Sequence[Comparison]) -> list[Level]:
    """RMSE of every region without the next, which lies inside it."""
    sums = [(m.voxels * (m.windows[HU.name].rmse_hu or 0.0) ** 2, m.voxels) for m in metrics]
    levels = []
    for number, region in enumerate(regions):
        squares, voxels = sums[number]
        if number + 1 < len(sums):
            squares, voxels = squares - sums[number + 1][0], voxels - sums[number + 1][1]
        rmse = math.sqrt(max(squares, 0.0) / voxels) if voxels > 0 else 0.0
        levels.append(Level(region, rmse))
    return levels


def _deep(lung: Lung, scan: Scan) -> RegionOfInterest:
    """The lung without its border, or with it where nothing else would be left."""
    inner = lung.within(LUNG_DEPTH_MM, scan.spacing)
    return lung_region(inner if inner.mask.any() else lung)
