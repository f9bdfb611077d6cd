"""What tampering leaves to see: taken for a nodule, for healthy lung, or for neither.

"Different" is not enough: a disrupted cube can still pass for a lesion, or for healthy lung. Two
judges say which attacks failed, and neither knows of the other. The nodule classifier stands in for
a reader. The other has learned nothing: it measures whether a lump of tissue stands in the middle,
and whether healthy lung of the same scan ever looks like that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

import torch
from torch import Tensor

from mitsgan.anatomy.lumps import are_lumps, lumps_mm3
from mitsgan.attack import Action, Attacker, Plan, Strikes, Variant, tamper_cut
from mitsgan.evaluate.attacks.healthy_lung import FEATURES, Feature, HealthyLung
from mitsgan.evaluate.statistics import RateRow, rate
from mitsgan.networks.classifier import NoduleClassifier

State = Literal["original", "protected", "tampered original", "tampered protected"]
STATES: tuple[State, ...] = get_args(State)

TAMPERED: tuple[State, ...] = ("tampered original", "tampered protected")
"""States in which an attack passes or fails."""

Judge = Literal["classifier", "measurement"]
JUDGES: tuple[Judge, ...] = get_args(Judge)
"""Who says whether an attack failed: the nodule classifier; lump and healthy lung."""


@dataclass(frozen=True)
class LooksRow:
    """`Looks` as results hold them.

    Attributes:
        nodule_share: the part of the positions that is called a nodule.
        abnormal_share: the part that is no healthy lung of this scan; None where that was not
            measured, as the two below.
        seen_share: the part that is either: there a reader would look twice.
        abnormal_by: the part that is abnormal by each feature.
        positions_probability, positions_abnormal: the values of every position.
        lump_share: the part where a lump stands in the middle, see `mitsgan.anatomy.lumps`; of
            what was painted in only tissue counts that was not there before. None in results from
            before this was measured, as the one below.
        positions_lump_mm3: its volume at every position.
    """

    nodule_share: float
    abnormal_share: float | None
    seen_share: float | None
    abnormal_by: dict[Feature, float]
    positions_probability: tuple[float, ...]
    positions_abnormal: tuple[tuple[Feature, ...], ...] | None
    lump_share: float | None = None
    positions_lump_mm3: tuple[float, ...] | None = None


@dataclass(frozen=True)
class AppearanceRow:
    """An `Appearance` as results hold it.

    Attributes:
        n: how many positions.
        states: what the cubes look like.
        failed: at how many positions the attack failed, by `TAMPERED` state and by judge, with
            95 % intervals; empty in results from before there were two judges. See `failures`.
        healthy_lump_share: the part of healthy places of the same scan where a lump stands as
            well; None where that was not measured.
    """

    n: int
    states: dict[State, LooksRow]
    failed: dict[State, dict[Judge, RateRow]] = field(default_factory=dict)
    healthy_lump_share: float | None = None


@dataclass(frozen=True)
class Looks:
    """One cube per position.

    Attributes:
        probability: the classifier's, of a nodule in the middle.
        nodule: whether that calls it one.
        abnormal: the features by which it is no healthy lung of this scan; None where healthy
            lung was not measured.
        lump_mm3: the volume of the lump in its middle.
    """

    probability: tuple[float, ...]
    nodule: tuple[bool, ...]
    abnormal: tuple[tuple[Feature, ...], ...] | None
    lump_mm3: tuple[float, ...]

    @property
    def lump(self) -> tuple[bool, ...]:
        """Whether a lump stands in its middle."""
        return are_lumps(self.lump_mm3)

    def row(self) -> LooksRow:
        """For results."""
        known = self.abnormal is not None
        abnormal = self.abnormal or ((),) * len(self.nodule)
        pairs = zip(self.nodule, abnormal, strict=True)
        return LooksRow(
            nodule_share=_share(self.nodule),
            abnormal_share=_share([bool(by) for by in abnormal]) if known else None,
            seen_share=_share([nodule or bool(by) for nodule, by in pairs]) if known else None,
            abnormal_by={f: _share([f in by for by in abnormal]) for f in FEATURES if known},
            positions_probability=self.probability,
            positions_abnormal=self.abnormal,
            lump_share=_share(self.lump),
            positions_lump_mm3=self.lump_mm3,
        )

    def failures(self, action: Action) -> dict[Judge, tuple[bool, ...]]:
        """Where an attack that left such cubes failed, see `failures`."""
        abnormal = None if self.abnormal is None else tuple(map(bool, self.abnormal))
        return failures(action, self.nodule, self.lump, abnormal)

    def failure_rates(self, action: Action) -> dict[Judge, RateRow]:
        """How many of those attacks failed, by each judge."""
        return {j: rate(sum(where), len(where)) for j, where in self.failures(action).items()}


@dataclass(frozen=True)
class Appearance:
    """What the attacked cubes look like in either scan, before and after tampering.

    Attributes:
        action: what the attacker did.
        looks: by `State`.
        healthy: what healthy lung of the original looks like, where that is known.
    """

    action: Action
    looks: Mapping[State, Looks]
    healthy: HealthyLung | None = None

    @property
    def n(self) -> int:
        """How many positions."""
        return len(self.looks["original"].nodule)

    def row(self) -> AppearanceRow:
        """For results."""
        failed = {state: self.looks[state].failure_rates(self.action) for state in TAMPERED}
        states = {state: self.looks[state].row() for state in STATES}
        share = None if self.healthy is None else self.healthy.lump_share
        return AppearanceRow(self.n, states, failed, share)


def appearance(
    original: Tensor,
    protected: Tensor,
    plans: Sequence[Plan],
    attacker: Attacker,
    classifier: NoduleClassifier,
    *,
    healthy: HealthyLung | None = None,
    variant: Variant = tamper_cut,
) -> Appearance:
    """Attack both scans ``[z, y, x]`` (HU) by the same plans, and look at the cubes.

    To judge removal, the plans' positions are to be those of nodules, real or planted, and both
    scans are to have them.

    Args:
        original, protected: the scans.
        plans: one or more, for the attacker's action.
        attacker: who tampers with both.
        classifier: calls cubes nodules.
        healthy: what healthy lung of the original looks like.
        variant: how the attacker goes about it.
    """
    cubes: dict[State, list[Tensor]] = {state: [] for state in STATES}
    strikes = Strikes.at(original, plans, attacker, variant=variant)
    pairs: tuple[tuple[Tensor | None, State, State], ...] = (
        (None, "original", "tampered original"),
        (protected, "protected", "tampered protected"),
    )
    for volume, before, after in pairs:
        with torch.no_grad():
            for outcome in strikes.outcomes(volume):
                cubes[before].append(outcome.changed.cubes(outcome.changed.before))
                cubes[after].append(outcome.cubes)
    whole = {state: torch.cat(parts) for state, parts in cubes.items()}
    looks = {}
    for _, before, after in pairs:
        looks[before] = look(whole[before], classifier, healthy)
        beyond = whole[before] if attacker.action == "inject" else None
        looks[after] = look(whole[after], classifier, healthy, beyond)
    return Appearance(attacker.action, looks, healthy)


def look(
    cubes: Tensor,
    classifier: NoduleClassifier,
    healthy: HealthyLung | None,
    beyond: Tensor | None = None,
) -> Looks:
    """What 32 mm cubes at 1 mm look like.

    Args:
        cubes: ``[b, 32, 32, 32]`` in HU.
        classifier: calls them nodules.
        healthy: healthy lung of their scan.
        beyond: the same before something was painted into them: a lump has to be new. None: a
            lump that was there counts as well.
    """
    probability = tuple(classifier.probability(cubes).tolist())
    before = None if beyond is None else beyond.float().cpu().numpy()
    return Looks(
        probability,
        tuple(p >= classifier.threshold for p in probability),
        None if healthy is None else tuple(healthy.outside(cubes)),
        lumps_mm3(cubes.float().cpu().numpy(), before),
    )


def failures(
    action: Action,
    nodule: Sequence[bool],
    lump: Sequence[bool] | None,
    abnormal: Sequence[bool] | None,
) -> dict[Judge, tuple[bool, ...]]:
    """At which positions an attack failed, by each judge; who cannot know is left out.

    An injection failed by the classifier where it calls no nodule, by measurement where no lump
    stands that was not there before. A removal failed by the classifier where it calls a nodule,
    by measurement where a lump stands, or the cube is no healthy lung of the scan.

    Args:
        action: of the attack.
        nodule: whether the classifier calls the cubes nodules.
        lump: whether lumps stand in them; None where that was not measured.
        abnormal: whether they are no healthy lung; None where that was not measured.
    """
    if action == "inject":
        failed: dict[Judge, tuple[bool, ...]] = {"classifier": tuple(not n for n in nodule)}
        if lump is not None:
            failed["measurement"] = tuple(not stands for stands in lump)
        return failed
    failed = {"classifier": tuple(nodule)}
    if lump is not None and abnormal is not None:
        pairs = zip(lump, abnormal, strict=True)
        failed["measurement"] = tuple(stands or odd for stands, odd in pairs)
    return failed


def _share(answers: Sequence[bool]) -> float:
    return sum(answers) / len(answers)
