"""What a mark is worth whose pattern also depends on the content: the known evasion, answered.

    python benchmarks/content_pattern.py SCAN [SCAN ...] --output docs/results/content-pattern.json

Every scan is protected and marked in memory with the present pattern and with patterns that also
depend on the means of cells, tampered with, by attackers who know of the mark and by one who does
not, and verified. See docs/mark.md, The known evasion.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from content_attacks import Evasion, achieved
from content_signs import Content, ContentSigns, Steps
from machine import machine
from mitsgan import __version__
from mitsgan.anatomy.places import lung_positions
from mitsgan.attack import Attacker, TrainedAttacker, plan_attack, surrogate_path
from mitsgan.errors import MitsganError
from mitsgan.evaluate.mark.bench import MarkBench, measuring_key
from mitsgan.evaluate.mark.settings import MarkEvaluationSettings
from mitsgan.evaluate.mark.strikes import Strike, strike
from mitsgan.files import read_scan
from mitsgan.jobs.outputs import check_file, scan_name, write_json
from mitsgan.mark import Detection, Mark, WithRoom
from mitsgan.mark.find.judge import judge
from mitsgan.mark.find.measure import Measured, measure
from mitsgan.mark.find.settings import Detector
from mitsgan.mark.pattern import series_key, slice_positions
from mitsgan.mark.strength import BODY_HU
from mitsgan.mark.windows import BLOCK
from mitsgan.networks import load_weights
from mitsgan.perturb import Budget, Fixed, apply_perturbations
from mitsgan.phantom.chest import chest
from mitsgan.protect import MitsGan
from mitsgan.scan.scan import Scan
from mitsgan.typed import to_json, to_tree

Result = dict[str, Any]

PATTERNS: dict[str, Content | None] = {
    "present": None,
    "8 mm, 50 HU": Content(8, 50, near_hu=12.5),
    "8 mm, 100 HU": Content(8, 100, near_hu=25),
    "5 mm, 50 HU": Content(5, 50, near_hu=12.5),
    "8 mm, 50 HU, cells known": Content(8, 50, secret=False, near_hu=12.5),
    "8 mm, 50 HU, next step not tried": Content(8, 50),
}
_BY_DEFAULT = list(PATTERNS)[:4]
"""The others show what it is worth that nobody knows the cells, and that the next step is tried."""

ATTACKS = {
    "touched up": Evasion(),
    "residual kept, 1 mm": Evasion(1.0),
    "residual kept, 2 mm": Evasion(2.0),
    "within a quarter of a step": Evasion(1.0, within=0.25),
    "inside known steps": Evasion(1.0, aligned=True),
}
PURIFIED = ("rounding", "noise-10hu", "blur-0.5mm", "jpeg2000-8")
_TOLD = Content(8, 50)
"""What those attackers think of who meet the present pattern."""


@dataclass(frozen=True)
class Layers:
    """Of one scan, for all patterns: no pattern changes how strong a mark is.

    Attributes:
        protection: with the room that the mark needs.
        amplitude: of the mark.
    """

    protection: Fixed
    amplitude: NDArray[np.float32]

    @classmethod
    def of(cls, scan: Scan, config: MarkEvaluationSettings, *, protect: bool) -> Layers:
        """Computed for a scan."""
        budget, depth = Budget(config.max_hu).on(scan), scan.shape[0]
        mark = Mark(measuring_key(config.seed), "any", config.mark_hu)
        protection = np.zeros(scan.shape, np.float32)
        if protect:
            network = MitsGan.load(seed=config.seed)
            for z in range(0, depth, 16):
                end = min(z + 16, depth)
                protection[z:end] = WithRoom(network, mark).perturbation(scan, z, end, budget)
        return cls(Fixed(protection), mark.amplitude(scan, 0, depth, budget))


class ContentBench(MarkBench):
    """A bench whose mark has another pattern; see `MarkBench`."""

    def __init__(
        self, scan: Scan, layers: Layers, config: MarkEvaluationSettings, content: Content | None
    ) -> None:
        super().__init__(scan, "measured", [layers.protection], config)
        self._parts, self.content = layers, content
        self.as_drawn: Steps | None = None

    def signs(self, number: int) -> ContentSigns:
        """The pattern of one of the test keys."""
        if self.content is None:
            raise ValueError("the present pattern knows no content")
        key = measuring_key(self.settings.seed, number)
        return ContentSigns(key, self.identity, self.scan, self.content)

    def marked(self, number: int = 0, *, identity: str | None = None) -> Scan:
        """See `MarkBench.marked`; what the content is called is what verification will see."""
        if self.content is None:
            return super().marked(number, identity=identity)
        signs = self.signs(number)
        marked = apply_perturbations(self.scan, [self._parts.protection], self.budget).scan
        for _ in range(2):  # the second time of the few cells that the mark's rounding moved
            self.as_drawn = signs.steps(marked)
            mark = Fixed(self._parts.amplitude * signs.signs(self.as_drawn))
            layers = [self._parts.protection, mark]
            marked = apply_perturbations(self.scan, layers, self.budget).scan
        return marked

    def verify(self, scan: Scan, number: int = 0) -> Detection:
        """See `MarkBench.verify`."""
        if self.content is None:
            return super().verify(scan, number)
        signs, positions = (
            self.signs(number),
            slice_positions(scan.geometry, range(len(scan.stored))),
        )
        steps, other = signs.with_next(scan)
        found = self._measured(scan, signs, steps, number)
        # The better of two is no N(0, 1): whether there is a mark at all is asked before.
        if self.content.near_hu and found.own.any():
            tried = self._measured(scan, signs, other, number).products
            offset = [part.start // BLOCK for part in found.box]
            better = signs.sums(tried - found.products, offset) > 0
            found = replace(found, products=np.where(better, tried, found.products))
        return judge(scan, positions, found, self.settings.false_alarms)

    def score(self, scan: Scan, number: int = 0) -> float:
        """The z-score of the whole mark, no next step tried."""
        if self.content is None:
            return super().verify(scan, number).score
        signs = self.signs(number)
        found = self._measured(scan, signs, signs.steps(scan), number)
        positions = slice_positions(scan.geometry, range(scan.shape[0]))
        return judge(scan, positions, found).score

    def _measured(self, scan: Scan, signs: ContentSigns, steps: Steps, number: int) -> Measured:
        series = series_key(measuring_key(self.settings.seed, number), self.identity)
        positions = slice_positions(scan.geometry, range(scan.shape[0]))
        return measure(scan, series, positions, Detector(), signs=lambda z: signs.factors(steps, z))

    def changed(self, scan: Scan, drawn: Steps, number: int = 0) -> float:
        """Share of the body's cells that are no longer in the step that they were drawn for."""
        if self.content is None:
            return 0.0
        signs = self.signs(number)
        return float(np.mean((signs.steps(scan) != drawn)[signs.means(scan) > BODY_HU]))


Say = Callable[[str], None]


def measure_pattern(
    bench: ContentBench,
    attackers: Sequence[Attacker],
    attacks: dict[str, Evasion],
    counts: argparse.Namespace,
    say: Say,
) -> Result:
    """Everything about one pattern on one scan."""
    marked = bench.marked()
    result: Result = {
        "content": None if bench.content is None else asdict(bench.content),
        "untouched": _untouched(bench, marked, counts, say),
        "attacks": {},
    }
    positions = lung_positions(bench.scan, bench.settings.positions, bench.settings.seed)
    original = bench.scan.hu()
    for attacker in attackers:
        plans = [plan_attack(original, bench.scan.spacing, p, attacker.action) for p in positions]
        strikes = strike(marked, plans, attacker)
        rows = result["attacks"][attacker.action] = {}
        for name, evasion in attacks.items():
            if evasion.aligned and (bench.content is None or bench.content.secret):
                continue  # nobody knows what to align with
            say(f"{attacker.action}, {name}")
            handed = [evasion.apply(one, marked, bench.content or _TOLD) for one in strikes]
            rows[name] = to_tree(bench.located(marked, handed, "touched up"))
            rows[name] |= achieved(handed, strikes)
            rows[name]["moved_hu"] = _moved(bench, handed)
    return result


def _untouched(bench: ContentBench, marked: Scan, counts: argparse.Namespace, say: Say) -> Result:
    """False alarms, and what is left of the mark, as written and behind purifiers."""
    rows: dict[str, list[Result]] = {}
    for number in range(counts.keys):
        say(f"untouched, key {number + 1} of {counts.keys}")
        one = bench.marked(number) if number else marked
        drawn = bench.as_drawn
        behind = PURIFIED if number < counts.purified_keys else ()
        for name in (None, *behind):
            scan = bench.purified(one, name)
            start = process_time()
            found = bench.verify(scan, number)
            seconds = process_time() - start
            row = _told(found) | {"cpu_seconds": seconds}
            if behind or not number:
                row["score"] = bench.score(scan, number)
            if drawn is not None:
                row["cells_changed"] = bench.changed(scan, drawn, number)
            rows.setdefault(name or "as written", []).append(row)
    for number in range(1, counts.wrong_keys + 1):
        row = _told(bench.verify(marked, number)) | {"score": bench.score(marked, number)}
        rows.setdefault("with a wrong key", []).append(row)
    return {name: _together(found) for name, found in rows.items()}


def _told(found: Detection) -> Result:
    return {
        "verdict": str(found.verdict),
        "verified": found.verified,
        "regions": len(found.regions),
    }


def _together(rows: Sequence[Result]) -> Result:
    found: Result = {"n": len(rows), "verdicts": dict(Counter(row["verdict"] for row in rows))}
    for name in rows[0]:
        if name != "verdict":
            found[name] = median(row[name] for row in rows if name in row)
    return found


def _moved(bench: ContentBench, handed: Sequence[Strike]) -> Result:
    """How far the means of cubes of 8 mm in the middle are moved, the largest of each, HU."""
    side = [max(1, round(8 / step)) for step in bench.scan.spacing]
    values = []
    for one in handed:
        change = (one.after - one.before)[one.plan.core_in_block]
        parts = [
            change[z : z + side[0], y : y + side[1], x : x + side[2]].mean()
            for z in range(0, change.shape[0] - side[0] + 1, max(side[0] // 2, 1))
            for y in range(0, change.shape[1] - side[1] + 1, max(side[1] // 2, 1))
            for x in range(0, change.shape[2] - side[2] + 1, max(side[2] // 2, 1))
        ]
        values.append(float(np.abs(parts).max()))
    return {"median": median(values), "lowest": min(values), "highest": max(values)}


def main() -> int:
    """Measure, and write the result after every pattern."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("scans", type=Path, nargs="*", metavar="SCAN")
    parser.add_argument("--output", type=Path, required=True, metavar="FILE.json")
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier output")
    parser.add_argument("--resume", action="store_true", help="keep what an earlier output holds")
    parser.add_argument("--patterns", nargs="+", choices=PATTERNS, default=_BY_DEFAULT)
    parser.add_argument("--attacks", nargs="+", choices=ATTACKS, default=list(ATTACKS))
    parser.add_argument("--positions", type=int, default=20, help="struck by each attacker")
    parser.add_argument("--keys", type=int, default=10, help="untouched scans to verify")
    parser.add_argument("--purified-keys", type=int, default=2, help="of these, behind purifiers")
    parser.add_argument("--wrong-keys", type=int, default=2)
    parser.add_argument("--mark-hu", type=float, default=3.0)
    parser.add_argument("--mark-only", action="store_true", help="mark without protecting")
    parser.add_argument("--phantom", type=int, nargs=3, metavar=("Z", "Y", "X"), help=_PHANTOM)
    options = parser.parse_args()
    try:
        return _run(options)
    except MitsganError as error:
        sys.stderr.write(f"content_pattern: {error}\n")
        return 2


_PHANTOM = "measure a synthetic chest of so many voxels instead of scans"


def _run(options: argparse.Namespace) -> int:
    check_file(options.output, options.overwrite or options.resume, "--output")
    if bool(options.scans) == bool(options.phantom):
        raise MitsganError("name scans, or a --phantom: one of the two")
    config = MarkEvaluationSettings(
        mark_hu=options.mark_hu,
        positions=options.positions,
        keys=options.keys,
        purified_keys=options.purified_keys,
        wrong_keys=options.wrong_keys,
    )
    attackers = [TrainedAttacker.load(surrogate_path("textured", a)) for a in ("inject", "remove")]
    result: dict[str, Any] = {
        "schema": 1,
        "kind": "content pattern",
        "version": __version__,
        "config": asdict(config),
        "attacks": {name: asdict(ATTACKS[name]) for name in options.attacks},
        "attackers": {
            a.action: load_weights(surrogate_path("textured", a.action), "attacker")[1]["sha256"]
            for a in attackers
        },
        "machine": machine(),
        "scans": {},
    }
    if options.resume and options.output.exists():
        earlier = json.loads(options.output.read_text(encoding="utf-8"))
        if {**earlier, "scans": {}} != json.loads(to_json(result)):
            raise MitsganError(
                f"{options.output} was measured with other options, or elsewhere; repeat those, "
                "or leave out --resume"
            )
        result["scans"] = earlier["scans"]
    chosen = {name: ATTACKS[name] for name in options.attacks}
    for name, scan in _scans(options):
        layers = Layers.of(scan, config, protect=not options.mark_only)
        head = {"shape": list(scan.shape), "spacing_mm": list(scan.spacing), "patterns": {}}
        rows = result["scans"].setdefault(name, head)["patterns"]
        for pattern in options.patterns:
            if pattern in rows:
                continue

            def say(text: str, where: str = f"{name}, {pattern}") -> None:
                sys.stderr.write(f"{where}: {text}\n")

            bench = ContentBench(scan, layers, config, PATTERNS[pattern])
            rows[pattern] = measure_pattern(bench, attackers, chosen, options, say)
            write_json(options.output, result, overwrite=True)
    return 0


def _scans(options: argparse.Namespace) -> list[tuple[str, Scan]]:
    if options.phantom:
        z, y, x = options.phantom
        return [("phantom", chest((z, y, x), (180 / z, 360 / y, 360 / x), seed=1))]
    return [(scan_name(path), read_scan(path)) for path in options.scans]


if __name__ == "__main__":
    sys.exit(main())
