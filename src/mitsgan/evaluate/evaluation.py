"""What a protected scan is worth: fidelity, disruption beside controls, and on request what a
diagnosis rests on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from mitsgan.anatomy.places import lung_positions
from mitsgan.attack import Attacker, Plan, hu_volume, plan_attack
from mitsgan.errors import MitsganError, PositionError, ScanError
from mitsgan.evaluate.attacks.appearance import AppearanceRow, appearance
from mitsgan.evaluate.attacks.disruption import (
    Disruption,
    DisruptionRow,
    disruption,
    pgd_disruption,
)
from mitsgan.evaluate.attacks.healthy_lung import HealthyLung, healthy_lung
from mitsgan.evaluate.attacks.positions import plan_places, plan_possible
from mitsgan.evaluate.attacks.slices import tampered_slices, untouched_slices
from mitsgan.evaluate.attacks.variants import variant
from mitsgan.evaluate.controls import CONTROL, KNOWN, OFFSET, PROTECTED
from mitsgan.evaluate.diagnosis.diagnostics import DIAGNOSIS_STEPS, Diagnosis, diagnose
from mitsgan.evaluate.metrics.budget_check import check_geometry, check_numbers
from mitsgan.evaluate.metrics.fidelity import Fidelity, fidelity
from mitsgan.evaluate.metrics.lpips import SMALLEST, Lpips, fits
from mitsgan.evaluate.metrics.metrics import LPIPS_SLICES, Comparison, compare_slices
from mitsgan.evaluate.metrics.windows import WINDOWS
from mitsgan.evaluate.result import (
    AttackerEntry,
    Evaluation,
    LpipsEntry,
    PositionEntry,
    WindowEntry,
)
from mitsgan.evaluate.settings import EvaluationSettings
from mitsgan.networks.classifier import NoduleClassifier
from mitsgan.perturb import Budget, Perturbation, apply_perturbations
from mitsgan.progress import Progress, silent
from mitsgan.protect import Offset, RandomSign
from mitsgan.result import ScanEntry, WeightsEntry
from mitsgan.scan.scan import Scan

Voxel = tuple[int, int, int]

AT_NODULES = "remove, at known nodules"
"""What cubes look like where nodules are known to be: a key of `Evaluation.appearance`."""


def evaluate(
    original: Scan,
    protected: Scan,
    attackers: Sequence[Attacker],
    settings: EvaluationSettings,
    *,
    name: str = "scan",
    lpips: Lpips | None = None,
    classifier: NoduleClassifier | None = None,
    protected_by: str | None = None,
    protector: WeightsEntry | None = None,
    judge: WeightsEntry | None = None,
    gaps: Sequence[str] = (),
    progress: Progress = silent,
) -> Evaluation:
    """Measure fidelity and disruption of a protected scan.

    Controls have the RMSE that the perturbation has inside the attacked cubes: a random sign per
    voxel, and a constant offset of whole HU; of the budget only the cap in HU holds for them, and
    not even that where the perturbation does not keep to it. PGD knows position and attacker, at
    the same budget.

    Args:
        original, protected: the scans.
        attackers: who tampers with both; none leaves disruption empty.
        settings: what is measured.
        name: of the scan.
        lpips: the perceptual distance of the diagnostics, if its weights are there.
        classifier: to be asked what attacked cubes look like, and, with diagnostics, whether
            findings appear or disappear.
        protected_by: name of the protector that protected the scan, if that is known.
        protector: its weights, if it has any.
        judge: the weights of the classifier.
        gaps: what could not be made ready for this, in words.
        progress: told what is being done.

    Raises:
        ScanError: the scans differ in shape or lie elsewhere, the protected one lacks values, or
            there is no lung to attack; with diagnostics the latter is a gap in the result instead.
        PositionError: there is too little lung, which is a gap, too; or a nodule or a given place
            lies outside the scan or, where it is attacked, too near its border.
    """
    check_geometry(original, protected)
    check_numbers(original, protected)
    if lpips is not None and not fits(original.shape[1:]):
        lpips = None
        gaps = (*gaps, f"LPIPS: it needs slices of {SMALLEST} x {SMALLEST} pixels or more")
    run = _Run(original, protected, attackers, settings, lpips, classifier, _Steps(progress))
    run.steps.total = run.count_steps()
    given: Sequence[Voxel] = ()
    if attackers and settings.places:  # first: what is wrong with them is told at once
        plans = plan_places(original, run.before.numpy(), settings.places, attackers[0].action)
        given = [plan.position for plan in plans]
    diagnosis = run.diagnose() if settings.diagnostics else None
    moved = run.fidelity() if diagnosis is None else diagnosis.fidelity
    missing = [] if diagnosis is None else list(diagnosis.gaps)
    positions: Sequence[Voxel] = ()
    if attackers:
        try:
            positions = given or lung_positions(original, settings.positions, settings.seed)
        except (ScanError, PositionError) as error:
            if diagnosis is None:
                raise
            missing.append(f"simulated tampering: {error}")
    metrics = [] if diagnosis is None else list(diagnosis.metrics)
    struck = run.attack(positions, metrics, missing) if positions else []
    run.steps.end()
    result = Evaluation(
        config=settings,
        scan=ScanEntry(original.shape, original.spacing, name),
        fidelity=moved,
        positions=tuple(PositionEntry(p, original.geometry.to_world(p)) for p in positions),
        disruption={one.attacker.action: one.disruption for one in struck},
        appearance={key: looks for one in struck for key, looks in one.appearance.items()},
        attackers={one.attacker.action: _entry(one.attacker) for one in struck},
        windows={},
        gaps=(*missing, *gaps),
        protected_by=protected_by,
        protector=protector,
        classifier=judge,
    )
    if diagnosis is None:
        return result
    return replace(
        result,
        budget_check=diagnosis.budget,
        metrics=tuple(metrics),
        windows={window.name: WindowEntry(window.low, window.high) for window in WINDOWS},
        lpips=None if lpips is None else LpipsEntry("alex", LPIPS_SLICES),
        invariants=diagnosis.invariants,
    )


def _entry(attacker: Attacker) -> AttackerEntry:
    return AttackerEntry(attacker.name, attacker.width, attacker.checksum)


class _Steps:
    """Tells a `Progress` what is being done next."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._done = 0
        self.total = 0

    def __call__(self, what: str) -> None:
        self._progress("measuring", self._done, self.total, what)
        self._done += 1

    def end(self) -> None:
        """All is done."""
        self._progress("measuring", self.total, self.total)


@dataclass(frozen=True)
class _Struck:
    """What came of one attacker: disruption by what was added, and looks of attacked cubes."""

    attacker: Attacker
    disruption: dict[str, DisruptionRow]
    appearance: dict[str, AppearanceRow]


@dataclass(frozen=True)
class _Run:
    """One evaluation, step by step."""

    original: Scan
    protected: Scan
    attackers: Sequence[Attacker]
    settings: EvaluationSettings
    lpips: Lpips | None
    classifier: NoduleClassifier | None
    steps: _Steps

    @cached_property
    def before(self) -> Tensor:
        """The original, as attackers see it."""
        return hu_volume(self.original)

    @cached_property
    def after(self) -> Tensor:
        """The protected scan, as attackers see it."""
        return hu_volume(self.protected)

    def count_steps(self) -> int:
        """How many steps there are, if nothing is missing."""
        asks, measures = self.classifier is not None, self.settings.diagnostics
        once = DIAGNOSIS_STEPS + asks if measures else 1
        if not self.attackers:
            return once
        each = 3 + bool(self.settings.pgd_steps) + measures + asks
        return once + asks + measures + each * len(self.attackers)

    def diagnose(self) -> Diagnosis:
        """What needs no attacker."""
        return diagnose(
            self.original,
            self.protected,
            budget=self.settings.budget,
            seed=self.settings.seed,
            nodules=self.settings.nodules,
            lpips=self.lpips,
            classifier=self.classifier,
            say=self.steps,
        )

    def fidelity(self) -> Fidelity:
        """How far the whole scan moved."""
        self.steps("fidelity")
        return fidelity(self.original, self.protected)

    def attack(
        self, positions: Sequence[Voxel], metrics: list[Comparison], gaps: list[str]
    ) -> list[_Struck]:
        """All attackers at the same positions; metrics of the slices, and gaps, are added."""
        healthy = self._healthy(gaps)
        if self.settings.diagnostics:
            self.steps("slices of the attacks")
            pairs = untouched_slices(self.original, self.protected, positions)
            metrics += compare_slices("protected", pairs, self.lpips)
        struck = []
        for attacker in self.attackers:
            plans = [
                plan_attack(self.before.numpy(), self.original.spacing, p, attacker.action)
                for p in positions
            ]
            if self.settings.diagnostics:
                metrics += self._tampered_slices(attacker, plans)
            rows = {
                name: disruption.row() for name, disruption in self._disruption(attacker, plans)
            }
            looks = self._appearance(attacker, plans, healthy, gaps)
            struck.append(_Struck(attacker, rows, looks))
        return struck

    def _healthy(self, gaps: list[str]) -> HealthyLung | None:
        if self.classifier is None:
            return None
        self.steps("healthy lung")
        try:
            return healthy_lung(self.original, seed=self.settings.seed)
        except MitsganError as error:
            gaps.append(f"what healthy lung looks like: {error}")
            return None

    def _tampered_slices(self, attacker: Attacker, plans: Sequence[Plan]) -> list[Comparison]:
        self.steps(f"{attacker.name}: tampered slices")
        pairs = tampered_slices(
            self.original,
            (self.before, self.after),
            plans,
            attacker,
            variant=variant(self.settings.variant),
        )
        return compare_slices(f"tampered: {attacker.action}", pairs, self.lpips)

    def _disruption(
        self, attacker: Attacker, plans: Sequence[Plan]
    ) -> Iterator[tuple[str, Disruption]]:
        """One attacker on the protected scan and on the controls, by what was added."""
        settings, attack = self.settings, variant(self.settings.variant)
        self.steps(f"{attacker.name}: protected scan")
        ours = disruption(self.before, self.after, plans, attacker, variant=attack)
        yield PROTECTED, ours
        controls: dict[str, Perturbation] = {
            CONTROL: RandomSign(ours.energy, settings.seed),
            OFFSET: Offset(round(ours.energy)),
        }
        # Cut to a budget that the perturbation breaks, controls would be weaker than it.
        broken = ours.energy > settings.max_hu * (1 + 1e-6)
        budget = Budget(ours.energy + 1 if broken else settings.max_hu)
        for name, perturbation in controls.items():
            self.steps(f"{attacker.name}: {name}")
            moved = hu_volume(apply_perturbations(self.original, [perturbation], budget).scan)
            yield name, disruption(self.before, moved, plans, attacker, variant=attack)
        if settings.pgd_steps:
            self.steps(f"{attacker.name}: PGD at known positions")
            limits = settings.budget.limits(self.original)
            bound = limits if isinstance(limits, float) else torch.from_numpy(limits)
            steps, seed = settings.pgd_steps, settings.seed
            yield (
                KNOWN,
                pgd_disruption(self.before, plans, attacker, bound, steps, seed, variant=attack),
            )

    def _appearance(
        self,
        attacker: Attacker,
        plans: Sequence[Plan],
        healthy: HealthyLung | None,
        gaps: list[str],
    ) -> dict[str, AppearanceRow]:
        """What the attacked cubes look like, and for removal those at known nodules too."""
        if self.classifier is None:
            return {}
        self.steps(f"{attacker.name}: what the attacked cubes look like")
        where: dict[str, Sequence[Plan]] = {attacker.action: plans}
        if attacker.action == "remove":
            hu, nodules = self.before.numpy(), self.settings.nodules
            possible, missing = plan_possible(self.original, hu, nodules, "remove")
            gaps += (f"removal of a known nodule: {why}" for why in missing)
            if possible:
                where[AT_NODULES] = possible
        attack = variant(self.settings.variant)
        return {
            name: appearance(
                *(self.before, self.after, some, attacker, self.classifier),
                healthy=healthy,
                variant=attack,
            ).row()
            for name, some in where.items()
        }
