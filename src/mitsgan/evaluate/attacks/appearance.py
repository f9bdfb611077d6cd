"""What tampering leaves to see: taken for a nodule, for healthy lung, or for neither.

"Different" is not enough: a disrupted cube can still pass for a lesion, or for healthy lung. The
nodule classifier stands in for a reader; what it was not trained for, garbage, is found by whether
healthy lung of the same scan ever looks like that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from mitsgan.attack import Action, Attacker, Plan, Strikes, Variant, tamper_cut
from mitsgan.evaluate.attacks.healthy_lung import FEATURES, Feature, HealthyLung
from mitsgan.networks.classifier import NoduleClassifier

State = Literal["original", "protected", "tampered original", "tampered protected"]
STATES: tuple[State, ...] = get_args(State)


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
    """

    nodule_share: float
    abnormal_share: float | None
    seen_share: float | None
    abnormal_by: dict[Feature, float]
    positions_probability: tuple[float, ...]
    positions_abnormal: tuple[tuple[Feature, ...], ...] | None


@dataclass(frozen=True)
class AppearanceRow:
    """An `Appearance` as results hold it.

    An injection worked where a nodule is called; a removal where nothing is seen.
    """

    n: int
    states: dict[State, LooksRow]


@dataclass(frozen=True)
class Looks:
    """One cube per position.

    Attributes:
        probability: the classifier's, of a nodule in the middle.
        nodule: whether that calls it one.
        abnormal: the features by which it is no healthy lung of this scan; None where healthy
            lung was not measured.
    """

    probability: tuple[float, ...]
    nodule: tuple[bool, ...]
    abnormal: tuple[tuple[Feature, ...], ...] | None

    def row(self) -> LooksRow:
        """For results."""
        if self.abnormal is None:
            return LooksRow(_share(self.nodule), None, None, {}, self.probability, None)
        pairs = zip(self.nodule, self.abnormal, strict=True)
        return LooksRow(
            nodule_share=_share(self.nodule),
            abnormal_share=_share([bool(by) for by in self.abnormal]),
            seen_share=_share([nodule or bool(by) for nodule, by in pairs]),
            abnormal_by={f: _share([f in by for by in self.abnormal]) for f in FEATURES},
            positions_probability=self.probability,
            positions_abnormal=self.abnormal,
        )


@dataclass(frozen=True)
class Appearance:
    """What the attacked cubes look like in either scan, before and after tampering.

    Attributes:
        action: what the attacker did.
        looks: by `State`.
    """

    action: Action
    looks: Mapping[State, Looks]

    @property
    def n(self) -> int:
        """How many positions."""
        return len(self.looks["original"].nodule)

    def row(self) -> AppearanceRow:
        """For results."""
        return AppearanceRow(self.n, {state: self.looks[state].row() for state in STATES})


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
    looks = {state: look(torch.cat(parts), classifier, healthy) for state, parts in cubes.items()}
    return Appearance(attacker.action, looks)


def look(cubes: Tensor, classifier: NoduleClassifier, healthy: HealthyLung | None) -> Looks:
    """What 32 mm cubes at 1 mm look like, ``[b, 32, 32, 32]`` in HU."""
    probability = tuple(classifier.probability(cubes).tolist())
    return Looks(
        probability,
        tuple(p >= classifier.threshold for p in probability),
        None if healthy is None else tuple(healthy.outside(cubes)),
    )


def _share(answers: Sequence[bool]) -> float:
    return sum(answers) / len(answers)
