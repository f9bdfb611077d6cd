"""How often an untouched scan is called tampered: scans, degradations, keys, grains of phantoms.

    python benchmarks/mark_alarms.py SCAN [SCAN ...] --output docs/results/mark-alarms.json

Every scan is marked in memory with keys of its own, every other one together with the protection,
sent through what a scan may go through in good faith, and verified. See docs/mark.md.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from alarm_cases import BENIGN, GRAINS_MM, STRENGTHS_HU
from measuring import Say, add_output, exit_code, journal_beside, result_head, say
from mitsgan.evaluate.journal import Journal
from mitsgan.evaluate.mark.bench import MarkBench
from mitsgan.evaluate.mark.settings import MarkEvaluationSettings
from mitsgan.evaluate.purify.purifiers import purify_scan
from mitsgan.evaluate.statistics import rate
from mitsgan.files import read_scan
from mitsgan.jobs.outputs import check_file, scan_name, write_json
from mitsgan.jobs.protect.default import load_default
from mitsgan.mark import Verdict
from mitsgan.phantom.chest import chest
from mitsgan.scan.scan import Scan
from mitsgan.typed import to_tree

AS_WRITTEN = "as written"
_CHEST_MM = (120.0, 260.0, 260.0)
_MOST_VOXELS = 200
"""Extent of the phantoms, and how many voxels they have at most along a side: the body reaches over
the circle of reconstruction, as that of large patients does."""


class ScanAlarms:
    """One scan under many keys: even ones with the protection, odd ones with the mark alone."""

    def __init__(self, scan: Scan, config: MarkEvaluationSettings) -> None:
        alone = MarkBench(scan, "alarms", [], config)
        both = MarkBench(scan, "alarms", [load_default(None, seed=0)[0]], config)
        self._benches = both, alone
        self._marked: tuple[int, Scan] | None = None

    def verdict(self, number: int, degradation: str) -> str:
        """Of the scan under one key, behind one degradation."""
        bench = self._benches[number % 2]
        if self._marked is None or self._marked[0] != number:
            self._marked = number, bench.marked(number)
        scan = self._marked[1]
        if degradation != AS_WRITTEN:
            scan = purify_scan(scan, BENIGN[degradation], seed=number)
        return str(bench.verify(scan, number).verdict)


def phantom_verdict(grain: tuple[float, float], number: int) -> str:
    """Of an untouched synthetic chest; its seed, key and strength follow from the number."""
    depth, pixel = grain
    mark_hu, max_hu = STRENGTHS_HU[number % len(STRENGTHS_HU)]
    extent = [
        min(mm, _MOST_VOXELS * step)
        for mm, step in zip(_CHEST_MM, (depth, pixel, pixel), strict=True)
    ]
    z, y, x = (round(mm / step) for mm, step in zip(extent, (depth, pixel, pixel), strict=True))
    scan = chest((z, y, x), (depth, pixel, pixel), seed=number)
    bench = MarkBench(scan, "alarms", [], MarkEvaluationSettings(max_hu=max_hu, mark_hu=mark_hu))
    return str(bench.verify(bench.marked(number), number).verdict)


def counted(verdicts: list[str]) -> dict[str, object]:
    """How often each verdict was given, with its interval."""
    return {str(v): to_tree(rate(verdicts.count(str(v)), len(verdicts))) for v in Verdict}


def measure(options: argparse.Namespace, journal: Journal, say: Say) -> dict[str, Any]:
    """All counts asked for."""

    def step(name: str, compute: Callable[[], str]) -> str:
        say(name)
        return journal.step(name, str, compute)

    scans: dict[str, Any] = {}
    for path in options.scans:
        name = scan_name(path)
        scan = read_scan(path)
        alarms = ScanAlarms(scan, MarkEvaluationSettings())
        found: dict[str, list[str]] = {}
        for number in range(options.keys):
            chosen = options.degradations if number < options.degraded_keys else ()
            for what in (AS_WRITTEN, *chosen):
                compute = partial(alarms.verdict, number, what)
                found.setdefault(what, []).append(step(f"{name}, {what}, key {number}", compute))
        scans[name] = {
            "shape": list(scan.shape),
            "spacing_mm": list(scan.spacing),
            "verdicts": {what: counted(verdicts) for what, verdicts in found.items()},
        }
    phantoms = []
    for grain in GRAINS_MM if options.phantoms else ():
        depth, pixel = grain
        verdicts = [
            step(f"phantom of {depth:g} x {pixel:g} mm, {n}", partial(phantom_verdict, grain, n))
            for n in range(options.phantoms)
        ]
        row = {"slices_mm": depth, "pixels_mm": pixel, "verdicts": counted(verdicts)}
        phantoms.append(row)
    return {"scans": scans, "phantoms": phantoms}


def main(argv: Sequence[str] | None = None) -> int:
    """Count, and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("scans", type=Path, nargs="*", metavar="SCAN")
    add_output(parser)
    parser.add_argument("--keys", type=int, default=20, help="untouched scans as written")
    parser.add_argument("--degraded-keys", type=int, default=5, help="of these, also degraded")
    parser.add_argument("--degradations", nargs="*", choices=BENIGN, default=list(BENIGN))
    parser.add_argument("--phantoms", type=int, default=24, help="of every grain")
    options = parser.parse_args(argv)
    return exit_code("mark_alarms", lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    check_file(options.output, options.overwrite, "output")
    head = {
        **result_head("alarms of the mark"),
        "protector": to_tree(load_default(None, seed=0)[1]),
        "config": {
            "keys": options.keys,
            "degraded_keys": options.degraded_keys,
            "phantoms": options.phantoms,
            "phantom_strengths_hu": [list(pair) for pair in STRENGTHS_HU],
            "degradations": {name: dict(BENIGN[name].parameters) for name in options.degradations},
        },
    }
    subject = {**head, "scans": [scan_name(path) for path in options.scans]}
    with journal_beside(options.output, subject) as journal:
        result = measure(options, journal, say)
        write_json(options.output, {**head, **result}, overwrite=options.overwrite)
    return 0


if __name__ == "__main__":
    sys.exit(main())
