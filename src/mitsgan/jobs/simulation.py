"""One simulated attack on a scan and on its protected version, in memory: what becomes of both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mitsgan.attack import Action, hu_volume, plan_attack
from mitsgan.evaluate.attacks.appearance import STATES, State, appearance
from mitsgan.evaluate.attacks.disruption import disruption
from mitsgan.evaluate.metrics.budget_check import check_geometry
from mitsgan.jobs.tamper import load_attacker, strike
from mitsgan.networks.classifier import NoduleClassifier
from mitsgan.progress import Phases, Progress, silent
from mitsgan.scan.canonical import canonical
from mitsgan.scan.scan import Scan
from mitsgan.seal.sketch.judge import judge
from mitsgan.seal.sketch.sketch import make_sketch


@dataclass(frozen=True)
class SketchVerdict:
    """What a sketch of the scan before the attack says of it afterwards.

    Attributes:
        verdict: ``processed``, ``tampered`` or ``unknown``.
        reason: why, in a sentence.
        distance_mm: from the place that was attacked to the middle of the nearest region that is
            named; None where none is.
    """

    verdict: str
    reason: str
    distance_mm: float | None


@dataclass(frozen=True, eq=False)
class Simulation:
    """What an attack made of a scan and of its protected version.

    Attributes:
        original, protected: tampered with; neither becomes DICOM. ``protected`` is None where
            there is no protected version.
        disruption_hu: RMSE between the two in the 20 mm core that is repainted.
        perturbation_hu: RMSE of the protection in the 32 mm cube around it.
        nodule: how sure the classifier is of a nodule at the place, 0 to 1, by state.
        threshold: from which on it calls one.
        lump_mm3: the lump of tissue in the middle of the place, by state; after an injection of
            what is new. See `mitsgan.anatomy.lumps`.
        sketches: of the two tampered scans, by state.
    """

    original: Scan
    protected: Scan | None
    disruption_hu: float | None
    perturbation_hu: float | None
    nodule: Mapping[State, float]
    threshold: float
    lump_mm3: Mapping[State, float]
    sketches: Mapping[State, SketchVerdict]


def simulate(
    original: Scan,
    protected: Scan | None,
    action: Action,
    *,
    position_mm: tuple[float, float, float],
    attacker: str | Path = "textured",
    progress: Progress = silent,
) -> Simulation:
    """Attack a scan and its protected version at one place, by one plan.

    Args:
        original, protected: not modified; on one grid.
        action: ``inject`` or ``remove``.
        position_mm: where, LPS.
        attacker: the name of a pair, or a file of weights.
        progress: told how far it is.

    Raises:
        ScanError: the two do not belong together.
        PositionError: the place is outside the body, or too near the scan's border.
        MitsganError: see `mitsgan.jobs.tamper.tamper`.
    """
    phases = Phases(progress)
    if protected is not None:
        check_geometry(original, protected)
    with phases.phase("attack", f"simulating: {action}") as step:
        painter = load_attacker(attacker, action, "cpu")
        classifier = NoduleClassifier.load()
        axial = canonical(original)
        volume = hu_volume(axial)
        plan = plan_attack(
            volume.numpy(), axial.spacing, axial.geometry.to_voxel(position_mm), action
        )
        step(1, 3)
        tampered: dict[State, Scan] = {"tampered original": strike(original, volume, plan, painter)}
        changed = volume
        if protected is not None:
            changed = hu_volume(canonical(protected))
            tampered["tampered protected"] = strike(protected, changed, plan, painter)
        step(2, 3)
        looks = appearance(volume, changed, [plan], painter, classifier).looks
        measured = disruption(volume, changed, [plan], painter)
    sketches = {}
    untouched = (original,) if protected is None else (original, protected)
    for before, (state, after) in zip(untouched, tampered.items(), strict=True):
        with phases.phase("sketch", f"comparing the {state} scan with a sketch"):
            sketches[state] = _sketch_verdict(before, after, position_mm)
    states = STATES if protected is not None else ("original", "tampered original")
    return Simulation(
        original=tampered["tampered original"],
        protected=tampered.get("tampered protected"),
        disruption_hu=None if protected is None else measured.rmse_hu[0],
        perturbation_hu=None if protected is None else measured.perturbation_hu[0],
        nodule={state: looks[state].probability[0] for state in STATES if state in states},
        threshold=classifier.threshold,
        lump_mm3={state: looks[state].lump_mm3[0] for state in STATES if state in states},
        sketches=sketches,
    )


def _sketch_verdict(
    before: Scan, after: Scan, position_mm: tuple[float, float, float]
) -> SketchVerdict:
    report = judge(make_sketch(before), [after])
    distances = [
        float(np.linalg.norm(np.subtract(region.centre_mm, position_mm)))
        for region in report.regions
    ]
    return SketchVerdict(report.verdict, report.reason, min(distances, default=None))
