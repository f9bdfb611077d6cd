"""What the mark is worth on one scan: told from untouched, located, and not raised in vain.

The scan is protected and marked in memory, tampered with in memory, and verified as
``mitsgan verify`` does it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar, get_args

from mitsgan.anatomy.places import lung_positions
from mitsgan.attack import Attacker, plan_attack
from mitsgan.evaluate.journal import Journal
from mitsgan.evaluate.mark.bench import MarkBench
from mitsgan.evaluate.mark.result import (
    AttackRow,
    DetectionRow,
    JudgedRow,
    LocatedRow,
    ManipulationRow,
    MarkEvaluation,
    Verdicts,
)
from mitsgan.evaluate.mark.settings import MarkEvaluationSettings
from mitsgan.evaluate.statistics import dice, rate, spread
from mitsgan.evaluate.tampering import manipulations as tampering
from mitsgan.evaluate.tampering import slice_manipulations as slicewise
from mitsgan.evaluate.tampering.manipulations import Manipulation, Position
from mitsgan.evaluate.tampering.strikes import Form, Strike, strike, struck
from mitsgan.mark import SliceState, Verdict
from mitsgan.perturb import Perturbation
from mitsgan.progress import Progress, silent
from mitsgan.result import ScanEntry, WeightsEntry
from mitsgan.scan.scan import Scan
from mitsgan.typed import to_tree

T = TypeVar("T")

PURIFIED = ("rounding", "jpeg2000-8", "noise-10hu", "blur-0.5mm", "resample-1mm")
"""Purifiers behind which the mark is measured."""

_EACH = 10
"""Positions of every manipulation that has one."""

_WHOLE_SLICES = (SliceState.REPLACED, SliceState.MOVED, SliceState.FLIPPED)


def evaluate_mark(
    scan: Scan,
    identity: str,
    perturbations: Sequence[Perturbation],
    attackers: Sequence[Attacker],
    settings: MarkEvaluationSettings,
    *,
    name: str = "scan",
    protector: WeightsEntry | None = None,
    journal: Path | None = None,
    progress: Progress = silent,
) -> MarkEvaluation:
    """Measure the mark on a scan.

    Args:
        scan: before any protection; not modified.
        identity: of its series, see `mitsgan.mark.series_identity`.
        perturbations: what protects it together with the mark; may be none.
        attackers: strike every position, in the repaired style, each on its own.
        settings: what is measured.
        name: of the scan.
        protector: the weights of what protects it.
        journal: a file for what is done, by which an interrupted measurement goes on; remove it
            when the result is safe.
        progress: told what is being done.

    Raises:
        PositionError: there is too little lung.
        BudgetError: the budget is smaller than one stored step.
        OutputError: the journal belongs to another measurement.
    """
    positions = lung_positions(scan, settings.positions, settings.seed)
    bench = MarkBench(scan, identity, perturbations, settings)
    total = _count_steps(settings, len(attackers))
    progress("measuring", 0, total, "marking")
    marked = bench.first
    change, untouched = bench.change(), DetectionRow.of(bench.verify(marked))
    subject = {
        "config": to_tree(settings),
        "scan": [scan.shape, scan.spacing],
        "untouched": to_tree(untouched),
        "attackers": [attacker.digest() for attacker in attackers],
    }
    run = _Run(bench, _Steps(Journal(journal, subject), progress, total))
    attacks = {}
    for attacker in attackers:
        plans = [plan_attack(scan.hu(), scan.spacing, p, attacker.action) for p in positions]
        attacks[attacker.action] = run.attacked(strike(marked, plans, attacker), attacker)
    other = bench.marked(identity=f"{identity}, another series")
    result = MarkEvaluation(
        config=settings,
        scan=ScanEntry(scan.shape, scan.spacing, name),
        change=change,
        untouched=untouched,
        attacks=attacks,
        manipulations=run.manipulated(other, positions),
        false_alarms=run.untouched(),
        protector=protector,
    )
    progress("measuring", total, total)
    return result


def _count_steps(settings: MarkEvaluationSettings, attackers: int) -> int:
    """How many steps there are."""
    cases = len(get_args(Form)) + len(PURIFIED) + settings.positions
    manipulations = 5 * min(_EACH, settings.positions) + 10
    return attackers * cases + manipulations + settings.keys


class _Steps:
    """Steps of a journal, each told to a `Progress`."""

    def __init__(self, journal: Journal, progress: Progress, total: int) -> None:
        self._journal, self._progress = journal, progress
        self._done, self._total = 0, total

    def __call__(self, name: str, kind: type[T], compute: Callable[[], T]) -> T:
        """The result of a step, see `Journal.step`."""
        self._progress("measuring", min(self._done, self._total - 1), self._total, name)
        self._done += 1
        return self._journal.step(name, kind, compute)


@dataclass(frozen=True)
class _Run:
    """One measurement, step by step."""

    bench: MarkBench
    step: _Steps

    def attacked(self, strikes: Sequence[Strike], attacker: Attacker) -> AttackRow:
        """All forms of one attacker's strikes, and the plain one behind purifiers."""
        action, ml = attacker.action, math.prod(self.bench.scan.spacing) / 1000
        cases: list[tuple[str, Form, str | None]] = [(form, form, None) for form in get_args(Form)]
        cases += [(f"touched up, {purifier}", "touched up", purifier) for purifier in PURIFIED]
        located = {
            title: self.step(
                f"{action}: {title}",
                LocatedRow,
                partial(self.bench.located, strikes, form, purifier),
            )
            for title, form, purifier in cases
        }
        verdicts = [
            self.step(
                f"{action}: one at a time, {number + 1} of {len(strikes)}",
                str,
                partial(self._verdict_on, one),
            )
            for number, one in enumerate(strikes)
        ]
        return AttackRow(
            name=attacker.name,
            sha256=attacker.checksum,
            replaced_ml=spread([float(one.replaced.sum()) * ml for one in strikes]),
            cases=located,
            one_at_a_time=_counted(verdicts),
        )

    def manipulated(
        self, other: Scan, positions: Sequence[Position]
    ) -> tuple[ManipulationRow, ...]:
        """Tampering without a model: verdicts, and Dice where a place was changed."""
        rows: dict[str, list[JudgedRow]] = {}
        for number, tampered in enumerate(_manipulations(self.bench.first, other, positions)):
            judged = self.step(
                f"{tampered.name}, {number}", JudgedRow, partial(self._judged, tampered)
            )
            rows.setdefault(tampered.name, []).append(judged)
        return tuple(
            ManipulationRow(
                name=name,
                verdicts=_counted([row.detection.verdict for row in judged]),
                dice=spread([row.dice for row in judged]),
                reason=judged[0].detection.reason,
                slices=judged[0].detection.slices,
            )
            for name, judged in rows.items()
        )

    def untouched(self) -> dict[str, Verdicts]:
        """What is said of untouched scans under many keys, and of one under wrong keys."""
        count = self.bench.settings.keys
        verdicts: dict[str, list[str]] = {}
        for number in range(count):
            name = f"untouched scans: {number + 1} of {count}"
            said = self.step(name, dict[str, str], partial(self._under_key, number))
            for what, verdict in said.items():
                verdicts.setdefault(what, []).append(verdict)
        return {what: _counted(some) for what, some in verdicts.items()}

    def _verdict_on(self, one: Strike) -> str:
        return str(self.bench.verify(struck(self.bench.first, [one], "touched up")).verdict)

    def _judged(self, tampered: Manipulation) -> JudgedRow:
        detection = self.bench.verify(tampered.scan)
        flagged = detection.mask()
        flagged[[one.number for one in detection.slices if one.state in _WHOLE_SLICES]] = True
        return JudgedRow(dice(flagged, tampered.changed), DetectionRow.of(detection))

    def _under_key(self, number: int) -> dict[str, str]:
        settings = self.bench.settings
        marked = self.bench.marked(number) if number else self.bench.first
        detections = {"as written": self.bench.verify(marked, number)}
        if 0 < number <= settings.wrong_keys:
            detections["with a wrong key"] = self.bench.verify(self.bench.first, number)
        if number < settings.purified_keys:
            for name in PURIFIED:
                detections[name] = self.bench.verify(self.bench.purified(marked, name), number)
        return {name: str(detection.verdict) for name, detection in detections.items()}


def _manipulations(
    marked: Scan, other: Scan, positions: Sequence[Position]
) -> Iterator[Manipulation]:
    for number, position in enumerate(positions[:_EACH]):
        yield tampering.copy_move(marked, positions[number - 1], position)
        yield tampering.splice(marked, other, position)
        for fwhm in (10.0, 20.0):
            yield tampering.paint_blob(marked, position, fwhm_mm=fwhm)
        yield tampering.add_blob(marked, position)
    middle = marked.shape[0] // 2
    for count in (2, 3, 4):
        yield slicewise.delete_slices(marked, middle, count - 1)
        yield slicewise.duplicate_slices(marked, middle, count - 1)
        yield slicewise.reorder_slices(marked, middle, count)
    yield slicewise.flip(marked)


def _counted(verdicts: Sequence[str]) -> Verdicts:
    return {str(v): rate(verdicts.count(str(v)), len(verdicts)) for v in Verdict}
