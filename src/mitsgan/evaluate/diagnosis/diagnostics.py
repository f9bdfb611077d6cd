"""Two scans side by side without any attack: budget, metrics over regions, invariants."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from mitsgan.anatomy.lung import Lung, find_lung
from mitsgan.errors import ScanError
from mitsgan.evaluate.attacks.positions import Place
from mitsgan.evaluate.diagnosis.invariants import Row, find_places, invariants
from mitsgan.evaluate.diagnosis.nodule_calls import find_call_places
from mitsgan.evaluate.diagnosis.rescan import Level
from mitsgan.evaluate.metrics.budget_check import check_budget
from mitsgan.evaluate.metrics.fidelity import Fidelity
from mitsgan.evaluate.metrics.lpips import Lpips
from mitsgan.evaluate.metrics.metrics import LPIPS_SLICES, compare_scans
from mitsgan.evaluate.metrics.regions import WHOLE, Region, body_region, lung_region
from mitsgan.evaluate.metrics.windows import WINDOWS
from mitsgan.networks.classifier import NoduleClassifier
from mitsgan.perturb import Budget
from mitsgan.scan.scan import Scan

LUNG_DEPTH_MM = 3.0
"""Density and texture of the lung are measured this far from its border, where no voxel is
partly wall."""


@dataclass
class Diagnosed:
    """JSON values, as they go into the result.

    Attributes:
        budget: see `mitsgan.evaluate.metrics.budget_check.BudgetCheck`.
        metrics: rows of `mitsgan.evaluate.metrics.metrics`.
        invariants: rows of `mitsgan.evaluate.diagnosis.invariants`.
        gaps: what could not be measured, and why, in words.
    """

    budget: dict[str, Any]
    metrics: list[dict[str, Any]]
    invariants: list[Row]
    gaps: list[str] = field(default_factory=list)

    @property
    def fidelity(self) -> Fidelity:
        """The row of the whole scan in HU."""
        whole = self.metrics[0]["windows"]["HU"]
        keys = ("largest_hu", "rmse_hu", "psnr_db", "ssim")
        return Fidelity(*(float(whole[key]) for key in keys))

    def as_result(self, lpips: Lpips | None) -> dict[str, Any]:
        """What a result holds of it."""
        return {
            "budget_check": self.budget,
            "metrics": self.metrics,
            "windows": {w.name: {"low_hu": w.low, "high_hu": w.high} for w in WINDOWS},
            "lpips": None if lpips is None else {"network": "alex", "slices": LPIPS_SLICES},
            "invariants": self.invariants,
            "gaps": self.gaps,
        }


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
) -> Diagnosed:
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
        found = find_lung(original)
        lung, deep = lung_region(found), _deep(found, original)
        regions.append(lung)
    except ScanError as error:
        gaps.append(f"lung: {error}")
    say("places for invariants")
    places, missing = find_places(original, lung, deep, nodules)
    say("metrics")
    rows = compare_scans(original, protected, regions, lpips)
    whole = rows[0]["windows"]["HU"]
    if whole["rmse_hu"] is None:
        raise ScanError("every voxel of the original is padding; give a CT scan in HU")
    calls = None
    if classifier is not None:
        where, nowhere = find_call_places(original, nodules, seed)
        missing += nowhere
        calls = (where, classifier)
    levels = _levels(regions, rows)
    figures = invariants(original, protected, places, levels, seed, calls=calls, say=say)
    checked = {**asdict(check), "kept": check.kept}
    return Diagnosed(checked, rows, figures, [*gaps, *missing])


def _levels(regions: Sequence[Region], rows: Sequence[dict[str, Any]]) -> list[Level]:
    """RMSE of every region without the next, which lies inside it."""
    sums = [
        (row["voxels"] * (row["windows"]["HU"]["rmse_hu"] or 0.0) ** 2, row["voxels"])
        for row in rows
    ]
    levels = []
    for number, region in enumerate(regions):
        squares, voxels = sums[number]
        if number + 1 < len(sums):
            squares, voxels = squares - sums[number + 1][0], voxels - sums[number + 1][1]
        rmse = math.sqrt(max(squares, 0.0) / voxels) if voxels > 0 else 0.0
        levels.append(Level(region, rmse))
    return levels


def _deep(lung: Lung, scan: Scan) -> Region:
    """The lung without its border, or with it where nothing else would be left."""
    inner = lung.within(LUNG_DEPTH_MM, scan.spacing)
    return lung_region(inner if inner.mask.any() else lung)
