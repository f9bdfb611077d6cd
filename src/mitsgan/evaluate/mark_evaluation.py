"""What the mark is worth on one scan: told from untouched, located, and not raised in vain.

The scan is protected and marked in memory, tampered with in memory, and verified as
``mitsgan verify`` does it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import get_args

from mitsgan import __version__
from mitsgan.attack import Attacker, plan_attack
from mitsgan.evaluate import manipulations as tampering
from mitsgan.evaluate.manipulations import Manipulation, Position
from mitsgan.evaluate.mark_bars import BEHIND, bars
from mitsgan.evaluate.mark_bench import MarkBench, MarkEvaluationConfig, Result, measuring_key
from mitsgan.evaluate.mark_statistics import Rate, dice, spread
from mitsgan.evaluate.positions import DEPTH_MM, lung_positions
from mitsgan.evaluate.strikes import Form, Strike, strike, struck
from mitsgan.mark import Detection, Verdict
from mitsgan.protect import Layer
from mitsgan.scan.scan import Scan

__all__ = ["MarkEvaluationConfig", "evaluate_mark", "measuring_key"]

PURIFIED = (*BEHIND, "resample-1mm")
"""Purifiers behind which the mark is measured; resampling has no bar."""

_EACH = 10
"""Positions of every manipulation that has one."""

Say = Callable[[str], None]


def evaluate_mark(
    scan: Scan,
    identity: str,
    layers: Sequence[Layer],
    attackers: Sequence[Attacker],
    config: MarkEvaluationConfig,
    *,
    progress: Say | None = None,
) -> Result:
    """Measure the mark on a scan.

    Args:
        scan: before any protection; not modified.
        identity: of its series, see `mitsgan.mark.series_identity`.
        layers: what protects it together with the mark; may be none.
        attackers: strike every position, in the repaired style, each on its own.
        config: what is measured.
        progress: called with what is being done.

    Raises:
        PositionError: there is too little lung.
        BudgetError: the budget is smaller than one stored step.
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
        "attacks": {},
    }
    original = scan.hu()
    for attacker in attackers:
        plans = [plan_attack(original, scan.spacing, p, attacker.action) for p in positions]
        strikes = strike(marked, plans, attacker)
        result["attacks"][attacker.action] = _attacked(bench, marked, strikes, attacker.name, say)
    other = bench.marked(identity=f"{identity}, another series")
    result["manipulations"] = _manipulated(bench, marked, other, positions, say)
    result["false_alarms"] = _untouched(bench, marked, say)
    result["bars"] = bars(result)
    return result


def _attacked(
    bench: MarkBench, marked: Scan, strikes: Sequence[Strike], name: str, say: Say
) -> Result:
    """All forms of one attacker's strikes, and the plain one behind purifiers."""
    action, ml = strikes[0].plan.action, _voxel_ml(bench.scan)
    verdicts = []
    for number, one in enumerate(strikes):
        say(f"{action}: one at a time, {number + 1} of {len(strikes)}")
        verdicts.append(bench.verify(struck(marked, [one], "touched up")).verdict)
    rows: Result = {
        "name": name,
        "replaced_ml": spread([float(s.replaced.sum()) * ml for s in strikes]),
        "one at a time": _verdicts(verdicts),
    }
    cases: list[tuple[str, Form, str | None]] = [(form, form, None) for form in get_args(Form)]
    cases += [(f"touched up, {purifier}", "touched up", purifier) for purifier in PURIFIED]
    for title, form, purifier in cases:
        say(f"{action}: {title}")
        rows[title] = bench.located(marked, strikes, form, purifier)
    return rows


def _untouched(bench: MarkBench, first: Scan, say: Say) -> Result:
    """What is said of untouched scans under many keys, and of one under all wrong keys."""
    config = bench.config
    found: dict[str, list[Verdict]] = {
        name: [] for name in ("as written", "with a wrong key", *PURIFIED)
    }
    for number in range(config.keys):
        say(f"untouched scans: {number + 1} of {config.keys}")
        marked = bench.marked(number) if number else first
        found["as written"].append(bench.verify(marked, number).verdict)
        if number:
            found["with a wrong key"].append(bench.verify(first, number).verdict)
        if number < config.purified_keys:
            for name in PURIFIED:
                purified = bench.purified(marked, name)
                found[name].append(bench.verify(purified, number).verdict)
    return {name: _verdicts(verdicts) for name, verdicts in found.items()}


def _manipulated(
    bench: MarkBench, marked: Scan, other: Scan, positions: Sequence[Position], say: Say
) -> list[Result]:
    """Tampering without a model: verdicts, and Dice where a place was changed."""
    rows: dict[str, list[Result]] = {}
    for made in _manipulations(marked, other, positions):
        say(made.name)
        found = bench.verify(made.scan)
        overlap = dice(found.mask(), made.changed)
        rows.setdefault(made.name, []).append({"dice": overlap, **_told(found)})
    return [
        {
            "name": name,
            "verdicts": _verdicts([Verdict(row["verdict"]) for row in found]),
            "dice": spread([row["dice"] for row in found]),
            "reason": found[0]["reason"],
            "slices": found[0]["slices"],
        }
        for name, found in rows.items()
    ]


def _manipulations(
    marked: Scan, other: Scan, positions: Sequence[Position]
) -> Iterator[Manipulation]:
    for number, position in enumerate(positions[:_EACH]):
        yield tampering.copy_move(marked, positions[number - 1], position)
        yield tampering.splice(marked, other, position)
        yield tampering.paint_blob(marked, position)
        yield tampering.add_blob(marked, position)
    middle = marked.shape[0] // 2
    for count in (2, 3, 4):
        yield tampering.delete_slices(marked, middle, count - 1)
        yield tampering.duplicate_slices(marked, middle, count - 1)
        yield tampering.reorder_slices(marked, middle, count)
    yield tampering.flip(marked)


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


def _verdicts(found: Sequence[Verdict]) -> Result:
    return {
        str(verdict): Rate(sum(v == verdict for v in found), len(found)).summary()
        for verdict in Verdict
    }


def _voxel_ml(scan: Scan) -> float:
    z, y, x = scan.spacing
    return z * y * x / 1000
