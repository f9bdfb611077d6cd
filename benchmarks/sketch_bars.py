"""What the sketch in a seal finds, behind which processing, and whom it accuses wrongly.

    python benchmarks/sketch_bars.py SCAN [SCAN ...] --donor SCAN --output docs/results/sketch.json

Interrupted, it goes on where it was. What is not measured yet is left out of the result: `--write`
writes what there is. See docs/seal.md.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from machine import load_average, machine
from measuring import add_output, exit_code, result_head, say
from mitsgan.attack import SURROGATES
from mitsgan.evaluate.journal import Journal
from mitsgan.evaluate.purify.purifiers import PURIFIERS
from mitsgan.evaluate.statistics import auc
from mitsgan.files import read_scan
from mitsgan.jobs.outputs import check_file, scan_name, write_json
from mitsgan.scan.scan import Scan
from mitsgan.seal.sketch.encoding import to_fields
from mitsgan.seal.sketch.judge import judge
from mitsgan.seal.sketch.sketch import make_sketch
from mitsgan.typed import to_tree
from sketch_bench import NOTHING, Behind, SketchBench
from sketch_benign import CASES
from sketch_forgeries import Forgery, forgeries

_BEHIND = (NOTHING, *PURIFIERS)
_WANTED = {"positions": 48, "pairs": list(SURROGATES), "purifiers": list(PURIFIERS)}
"""What a whole measurement is, on every scan, behind nothing and behind all; see `config` for what
this one is."""


class Measurement:
    """Steps over all scans, kept in a journal."""

    def __init__(self, options: argparse.Namespace, journal: Journal) -> None:
        self._options = options
        self._journal = journal

    def run(self) -> None:
        """Everything that is asked for: scan by scan, first behind nothing, then behind filters."""
        for path in self._options.scans:
            made: tuple[SketchBench, list[Forgery]] | None = None
            for behind in self._options.behind:
                step = f"{scan_name(path)} behind {behind}"
                if step in self._journal:
                    continue
                bench, forged = made = made or self._bench(path)
                chosen = forged if behind == NOTHING else self._behind_filters(forged)
                say(step)
                self._journal.step(step, Behind, partial(bench.behind, behind, chosen))
        for path in self._options.scans:
            self._benign(path)

    def result(self) -> dict[str, Any]:
        """What there is."""
        kept = self._journal.results()
        scans: dict[str, Any] = {}
        for path in self._options.scans:
            name = scan_name(path)
            found = {
                behind: _summary(kept[f"{name} behind {behind}"])
                for behind in _BEHIND
                if f"{name} behind {behind}" in kept
            }
            benign = {
                case: kept[f"{name} after {case}"]
                for case in CASES
                if f"{name} after {case}" in kept
            }
            scans[name] = {**kept.get(f"{name}, its sketch", {}), "behind": found, "benign": benign}
        return {"scans": scans}

    def _bench(self, path: Path) -> tuple[SketchBench, list[Forgery]]:
        say(f"forging {scan_name(path)}")
        scan, donor = read_scan(path), read_scan(self._options.donor)
        bench = SketchBench(scan)
        count, seed = self._options.positions, self._options.seed
        return bench, list(forgeries(bench.scan, donor, count, seed))

    def _behind_filters(self, forged: Sequence[Forgery]) -> list[Forgery]:
        """The first of each kind, of other pairs of attackers than those asked for none."""
        left_out = tuple(f"{pair} " for pair in SURROGATES if pair not in self._options.pairs)
        counts: Counter[str] = Counter()
        chosen = []
        for one in forged:
            counts[one.kind] += 1
            if counts[one.kind] <= self._options.filtered and not one.kind.startswith(left_out):
                chosen.append(one)
        return chosen

    def _benign(self, path: Path) -> None:
        name = scan_name(path)
        missing = [
            case for case in self._options.benign if f"{name} after {case}" not in self._journal
        ]
        about = f"{name}, its sketch"
        if not missing and about in self._journal:
            return
        start = time.perf_counter()
        scan = read_scan(path)
        reading = time.perf_counter() - start
        self._journal.keep(about, _cost(scan, reading))
        sketch = make_sketch(scan)
        for case in missing:
            say(f"{name} after {case}")
            report = judge(sketch, [CASES[case](scan, 0)])
            self._journal.keep(
                f"{name} after {case}",
                {
                    "verdict": report.verdict,
                    "reason": report.reason,
                    "regions": len(report.regions),
                    "judged_share": round(report.judged_share, 3),
                    "visible_hu": to_tree(report.visible_hu) if report.judged_share else None,
                },
            )


def _cost(scan: Scan, reading: float) -> dict[str, Any]:
    """What a sketch costs: bytes in the seal, and seconds beside those for reading."""
    start = time.perf_counter()
    sketch = make_sketch(scan)
    making = time.perf_counter() - start
    size = sum(len(text) for text in map(str, to_fields(sketch).values()))
    start = time.perf_counter()
    judge(sketch, [scan])
    judging = time.perf_counter() - start
    return {
        "shape": list(scan.shape),
        "spacing_mm": list(scan.spacing),
        "bytes": size,
        "share_of_pixels": size / (2 * scan.stored.size),
        "seconds": {"read": reading, "make": making, "judge": judging},
        "load_average": load_average(),
    }


def _summary(behind: dict[str, Any]) -> dict[str, Any]:
    kinds: dict[str, list[dict[str, Any]]] = {}
    for outcome in behind["outcomes"]:
        kinds.setdefault(outcome["kind"], []).append(outcome)
    return {
        **{key: behind[key] for key in ("verdict", "largest", "regions", "check")},
        "kinds": {kind: _kind(outcomes) for kind, outcomes in kinds.items()},
    }


def _kind(outcomes: list[dict[str, Any]]) -> dict[str, Any]:
    scores, untouched = ([float(o[key]) for o in outcomes] for key in ("score", "untouched"))
    return {
        "n": len(outcomes),
        "auc": auc(scores, untouched),
        "found": sum(o["found"] for o in outcomes),
        "dice": median(o["dice"] for o in outcomes),
        "least": min(scores),
        "median": median(scores),
    }


def main() -> int:
    """Measure, and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("scans", type=Path, nargs="+", metavar="SCAN")
    parser.add_argument("--donor", type=Path, required=True, help="another patient's, for splices")
    add_output(parser)
    parser.add_argument("--write", action="store_true", help="only write what was measured")
    parser.add_argument("--positions", type=int, default=24, help="of each kind of forgery")
    parser.add_argument("--filtered", type=int, default=6, help="of these, behind each filter")
    parser.add_argument(
        "--pairs",
        nargs="+",
        choices=SURROGATES,
        default=["textured"],
        help="whose forgeries are hidden behind filters, beside those by hand",
    )
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--behind", nargs="*", choices=_BEHIND, default=list(_BEHIND))
    parser.add_argument("--benign", nargs="*", choices=list(CASES), default=list(CASES))
    options = parser.parse_args()
    return exit_code("sketch_bars", lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    check_file(options.output, options.overwrite, "output")
    head = {
        **result_head("bars of the sketch"),
        "config": {
            "positions": options.positions,
            "behind_filters": {"positions": options.filtered, "pairs": options.pairs},
            "seed": options.seed,
            "donor": scan_name(options.donor),
        },
    }
    # It stays: a later run may measure more of the same.
    journal = Journal(options.output.with_name(f"{options.output.name}.partial"), head)
    measurement = Measurement(options, journal)
    if not options.write:
        measurement.run()
    result = {**head, "wanted": _WANTED, "machine": machine(), **measurement.result()}
    write_json(options.output, result, overwrite=options.overwrite)
    return 0


if __name__ == "__main__":
    sys.exit(main())
