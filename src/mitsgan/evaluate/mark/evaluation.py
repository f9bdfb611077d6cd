"""What the mark is worth on one scan: told from untouched, located, and not raised in vain.

The scan is protected and marked in memory, tampered with in memory, and verified as
``mitsgan verify`` does it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, get_args

from mitsgan import __version__
from mitsgan.anatomy.places import DEPTH_MM, lung_positions
from mitsgan.attack import Attacker, plan_attack
from mitsgan.evaluate.journal import Journal
from mitsgan.evaluate.mark import manipulations as tampering
from mitsgan.evaluate.mark import slice_manipulations as slicewise
from mitsgan.evaluate.mark.bars import BEHIND, bars
from mitsgan.evaluate.mark.bench import MarkBench, MarkEvaluationConfig, Result, measuring_key
from mitsgan.evaluate.mark.manipulations import Manipulation, Position
from mitsgan.evaluate.mark.statistics import Rate, dice, spread
from mitsgan.evaluate.mark.strikes import Form, Strike, strike, struck
from mitsgan.mark import Detection, SliceState, Verdict
from mitsgan.perturb import Perturbation
from mitsgan.scan.scan import Scan

__all__ = ["MarkEvaluationConfig", "evaluate_mark", "measuring_key"]

PURIFIED = (*BEHIND, "resample-1mm")
"""Purifiers behind which the mark is measured; resampling has no bar."""

_EACH = 10
"""Positions of every manipulation that has one."""

_WHOLE_SLICES = (SliceState.REPLACED, SliceState.MOVED, SliceState.FLIPPED)

Say = Callable[[str], None]


def evaluate_mark(
    scan: Scan,
    identity: str,
    layers: Sequence[Perturbation],
    attackers: Sequence[Attacker],
    config: MarkEvaluationConfig,
    *,
    journal: Path | None = None,
    progress: Say | None = None,
) -> Result:
    """Measure the mark on a scan.

    Args:
        scan: before any protection; not modified.
        identity: of its series, see `mitsgan.mark.series_identity`.
        layers: what protects it together with the mark; may be none.
        attackers: strike every position, in the repaired style, each on its own.
        config: what is measured.
        journal: a file for what is done, by which an interrupted measurement goes on; remove it
            when the result is safe.
        progress: called with what is being done.

    Raises:
        PositionError: there is too little lung.
        BudgetError: the budget is smaller than one stored step.
        OutputError: the journal belongs to another measurement.
    """
    say = progress or (lambda _: None)
    positions = lung_positions(scan, config.positions, config.seed)
    bench = MarkBench(scan, identity, layers, config)
    say("marking")
    marked = bench.marked()
    result: Result = {
        "version": __version__,
        **bench.head(),
        "position_depth_mm": DEPTH_MM,
        "change": bench.change(marked),
        "untouched": _told(bench.verify(marked)),
    }
    kept = Journal(journal, {**result, "attackers": [a.digest() for a in attackers]})
    bound = _Run(bench, marked, kept, say)
    original = scan.hu()
    result["attacks"] = {}
    for attacker in attackers:
        plans = [plan_attack(original, scan.spacing, p, attacker.action) for p in positions]
        strikes = strike(marked, plans, attacker)
        result["attacks"][attacker.action] = bound.attacked(strikes, attacker.name)
    other = bench.marked(identity=f"{identity}, another series")
    result["manipulations"] = bound.manipulated(other, positions)
    result["false_alarms"] = bound.untouched()
    result["bars"] = bars(result)
    return result


@dataclass(frozen=True)
class _Run:
    """One measurement, step by step."""

    bench: MarkBench
    marked: Scan
    kept: Journal
    say: Say

    def attacked(self, strikes: Sequence[Strike], name: str) -> Result:
        """All forms of one attacker's strikes, and the plain one behind purifiers."""
        action, ml = strikes[0].plan.action, math.prod(self.bench.scan.spacing) / 1000
        rows: Result = {
            "name": name,
            "replaced_ml": spread([float(s.replaced.sum()) * ml for s in strikes]),
        }
        cases: list[tuple[str, Form, str | None]] = [(form, form, None) for form in get_args(Form)]
        cases += [(f"touched up, {purifier}", "touched up", purifier) for purifier in PURIFIED]
        for title, form, purifier in cases:
            rows[title] = self._step(
                f"{action}: {title}",
                partial(self.bench.located, self.marked, strikes, form, purifier),
            )
        rows["one at a time"] = _verdicts(
            [
                self._step(
                    f"{action}: one at a time, {number + 1} of {len(strikes)}",
                    partial(self._verdict_on, one),
                )
                for number, one in enumerate(strikes)
            ]
        )
        return rows

    def manipulated(self, other: Scan, positions: Sequence[Position]) -> list[Result]:
        """Tampering without a model: verdicts, and Dice where a place was changed."""
        rows: dict[str, list[Result]] = {}
        for number, made in enumerate(_manipulations(self.marked, other, positions)):
            step = f"{made.name}, {number}"
            rows.setdefault(made.name, []).append(self._step(step, partial(self._judged, made)))
        return [
            {
                "name": name,
                "verdicts": _verdicts([row["verdict"] for row in found]),
                "dice": spread([row["dice"] for row in found]),
                "reason": found[0]["reason"],
                "slices": found[0]["slices"],
            }
            for name, found in rows.items()
        ]

    def untouched(self) -> Result:
        """What is said of untouched scans under many keys, and of one under wrong keys."""
        count = self.bench.config.keys
        found: dict[str, list[str]] = {}
        for number in range(count):
            step = f"untouched scans: {number + 1} of {count}"
            for name, verdict in self._step(step, partial(self._under_key, number)).items():
                found.setdefault(name, []).append(verdict)
        return {name: _verdicts(verdicts) for name, verdicts in found.items()}

    def _step(self, name: str, compute: Callable[[], Any]) -> Any:
        self.say(name)
        return self.kept.step(name, compute)

    def _verdict_on(self, one: Strike) -> str:
        return str(self.bench.verify(struck(self.marked, [one], "touched up")).verdict)

    def _judged(self, made: Manipulation) -> Result:
        found = self.bench.verify(made.scan)
        flagged = found.mask()
        flagged[[one.number for one in found.slices if one.state in _WHOLE_SLICES]] = True
        return {"dice": dice(flagged, made.changed), **_told(found)}

    def _under_key(self, number: int) -> dict[str, str]:
        config = self.bench.config
        marked = self.bench.marked(number) if number else self.marked
        found = {"as written": self.bench.verify(marked, number)}
        if 0 < number <= config.wrong_keys:
            found["with a wrong key"] = self.bench.verify(self.marked, number)
        if number < config.purified_keys:
            for name in PURIFIED:
                found[name] = self.bench.verify(self.bench.purified(marked, name), number)
        return {name: str(detection.verdict) for name, detection in found.items()}


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


def _told(found: Detection) -> Result:
    """A detection in few words."""
    return {
        "verdict": str(found.verdict),
        "reason": found.reason,
        "score": found.score,
        "strength_hu": found.strength_hu,
        "verified": found.verified,
        "slices": dict(Counter(str(one.state) for one in found.slices)),
    }


def _verdicts(found: Sequence[str]) -> Result:
    return {
        str(verdict): Rate(sum(v == verdict for v in found), len(found)).summary()
        for verdict in Verdict
    }
