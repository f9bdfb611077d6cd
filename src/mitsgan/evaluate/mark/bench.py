"""A scan under test keys: marked, sent through purifiers, struck, and verified."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from mitsgan.attack import Plan
from mitsgan.attack.cube import overlap
from mitsgan.evaluate.mark.result import ChangeRow, LocatedRow
from mitsgan.evaluate.mark.settings import MarkEvaluationSettings
from mitsgan.evaluate.purify.purifiers import purifier, purify_scan
from mitsgan.evaluate.statistics import auc, dice, rate, spread
from mitsgan.evaluate.tampering.strikes import Form, Strike, rounds, struck
from mitsgan.mark import Detection, Key, Mark, WithMark
from mitsgan.mark.find.detect import detect
from mitsgan.mark.pattern import VERSION
from mitsgan.mark.windows import BLOCK
from mitsgan.perturb import Budget, Fixed, Perturbation, apply_perturbations
from mitsgan.scan.scan import Scan

T = TypeVar("T", bound=np.generic)

SURROUND_MM = 6.0
"""How far around an attacked block what is flagged still counts as its own."""

_BODY_HU = -950.0


def sharing(plans: Sequence[Plan], spacing: Sequence[float]) -> list[list[int]]:
    """Numbers of plans, in groups that lie so far apart that each can share one scan."""
    reach = max(n * s for n, s in zip(plans[0].block, spacing, strict=True))
    return rounds([plan.position for plan in plans], spacing, reach + 2 * SURROUND_MM)


def measuring_key(seed: int, number: int = 0) -> Key:
    """A key for measurements: whoever knows two small numbers has it, so it protects nothing."""
    return Key(hashlib.sha256(f"mitsgan test key {seed} {number}".encode()).digest())


class MarkBench:
    """One scan, its protection computed once, and any number of test keys.

    Args:
        scan: before any protection; not modified.
        identity: of its series.
        perturbations: what protects it together with the mark; may be none.
        settings: strength, budget, seed.
        version: of the mark's pattern.
    """

    def __init__(
        self,
        scan: Scan,
        identity: str,
        perturbations: Sequence[Perturbation],
        settings: MarkEvaluationSettings,
        version: int = VERSION,
    ) -> None:
        self.scan, self.identity, self.settings = scan, identity, settings
        self.version = version
        self.budget = Budget(settings.max_hu)
        # Once, since no key changes it.
        self._fixed = [Fixed.of(one, scan, self.budget) for one in perturbations]
        self._untouched: dict[str | None, tuple[Scan, Detection]] = {}

    @cached_property
    def first(self) -> Scan:
        """The scan, protected and marked with the first test key: what is tampered with."""
        return self.marked()

    def marked(self, number: int = 0, *, identity: str | None = None) -> Scan:
        """The scan, protected and marked with one of the test keys."""
        mark = self._mark(number, identity)
        both = WithMark(mark, tuple(self._fixed))
        return apply_perturbations(self.scan, [both], self.budget).scan

    def verify(self, scan: Scan, number: int = 0) -> Detection:
        """As ``mitsgan verify`` does, with one of the test keys."""
        key = measuring_key(self.settings.seed, number)
        return detect(scan, key, self.identity, false_alarms=self.settings.false_alarms)

    def purified(self, scan: Scan, name: str | None) -> Scan:
        """Sent through a purifier, or as it is."""
        return scan if name is None else purify_scan(scan, name, seed=self.settings.seed)

    def change(self) -> ChangeRow:
        """How far the mark alone and all perturbations together move the scan, HU."""
        alone = apply_perturbations(self.scan, [self._mark(0)], self.budget)
        padding, hu = self.scan.is_padding(), self.scan.hu()
        body = ~padding & (hu > _BODY_HU)
        added = (alone.scan.hu() - hu)[body].astype(np.float64)
        together = (self.first.hu() - hu)[~padding].astype(np.float64)
        return ChangeRow(
            mark_rms_hu=alone.rms_hu,
            mark_rms_over_body_hu=float(np.sqrt(np.mean(added**2))),
            mark_largest_hu=alone.largest_hu,
            together_rms_hu=float(np.sqrt(np.mean(together**2))),
            together_largest_hu=float(np.abs(together).max()),
        )

    def located(self, strikes: Sequence[Strike], form: Form, name: str | None = None) -> LocatedRow:
        """How well struck positions of `first` are told from untouched ones, and how well located.

        Strikes that lie far enough apart share a scan. A position's score is the shortfall of the
        mark within its 20 mm core, in standard deviations.
        """
        spacing = self.scan.spacing
        shared = sharing([one.plan for one in strikes], spacing)
        if name not in self._untouched:
            purified = self.purified(self.first, name)
            self._untouched[name] = purified, self.verify(purified)
        clean = self._untouched[name][1]
        untouched = [_score(clean, one, spacing) for one in strikes]
        scores, overlaps = [0.0] * len(strikes), [0.0] * len(strikes)
        for members in shared:
            tampered = struck(self.first, [strikes[i] for i in members], form)
            detection = self.verify(self._purified_again(tampered, name))
            for i in members:
                scores[i] = _score(detection, strikes[i], spacing)
                overlaps[i] = _overlap(detection, strikes[i], form, spacing)
        return LocatedRow(
            n=len(strikes),
            auc=auc(scores, untouched),
            dice=spread(overlaps),
            found=rate(sum(v > 0 for v in overlaps), len(overlaps)),
            positions_score=tuple(scores),
            positions_untouched_score=tuple(untouched),
            positions_dice=tuple(overlaps),
        )

    def _purified_again(self, tampered: Scan, name: str | None) -> Scan:
        """The same as `purified`; where slices are purified one by one, only changed ones are."""
        if name is None or not purifier(name).by_slice:
            return self.purified(tampered, name)
        stored = self._untouched[name][0].stored.copy()
        for z in range(tampered.shape[0]):
            if (tampered.stored[z] != self.first.stored[z]).any():
                one = tampered.with_slices(tampered.stored[z : z + 1], z, z + 1)
                stored[z] = self.purified(one, name).stored[0]
        return tampered.with_stored(stored)

    def _mark(self, number: int, identity: str | None = None) -> Mark:
        key = measuring_key(self.settings.seed, number)
        return Mark(key, identity or self.identity, self.settings.mark_hu, self.version)


def _score(detection: Detection, one: Strike, spacing: Sequence[float]) -> float:
    """Largest shortfall of the mark within the 20 mm core of a strike, in standard deviations."""
    return detection.shortfall(one.core(), spacing)


def _overlap(detection: Detection, one: Strike, form: Form, spacing: Sequence[float]) -> float:
    """Dice of what is flagged in and around a block with what was replaced in it."""
    margin = [int(SURROUND_MM / step) for step in spacing]
    true = np.pad(one.block(form, spacing)[1], [(m, m) for m in margin])
    first = [s - m for s, m in zip(one.plan.start, margin, strict=True)]
    inside, part = overlap(first, true.shape, detection.shape)
    return dice(_within(detection.flagged, inside), true[part])


def _within(blocks: NDArray[T], box: tuple[slice, slice, slice]) -> NDArray[T]:
    """One value per block of a detection to one per voxel, but of a box of the scan only."""
    z, y, x = (np.arange(part.start, part.stop) for part in box)
    values: NDArray[T] = blocks[np.ix_(z, y // BLOCK, x // BLOCK)]
    return values
