"""Whether a block repainted so that the mark shows nothing can pass for intact.

    python benchmarks/mark_louder.py SCAN [SCAN ...] --output docs/results/mark-louder.json

Every scan is marked in memory, and cubes of lung and of soft tissue are repainted with noise of
many levels, and in other ways that push what the detector measures. A cube is found where a region
that lost the mark touches it, not checked where the report says that its grain is unlike what is
around, and missed where neither is so: alone in a scan, it would leave the verdict as it is. See
docs/decisions/mark-grain.md.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from loud_cases import SIDES_MM, TISSUES, Block, blocks, paints, repainted
from measuring import Say, add_scans, exit_code, result_head, write_scans
from mitsgan.evaluate.journal import Journal
from mitsgan.evaluate.mark.bench import MarkBench
from mitsgan.evaluate.mark.settings import MarkEvaluationSettings
from mitsgan.mark import Detection
from mitsgan.scan.scan import Scan

Counts = dict[str, Any]


def outcome(detection: Detection, cube: Block) -> str:
    """What the report says of one cube."""
    if detection.mask()[cube.box].any():
        return "found"
    for place in detection.unlike:
        ends = zip(place.region.start, place.region.stop, cube.box, strict=True)
        if all(start < part.stop and part.start < stop for start, stop, part in ends):
            return "not checked"
    return "missed"


def measure(name: str, scan: Scan, options: argparse.Namespace, kept: Journal, say: Say) -> Counts:
    """Everything about one scan."""
    bench = MarkBench(scan, "louder", [], MarkEvaluationSettings())
    marked = bench.marked()
    rows: Counts = {"shape": list(scan.shape), "spacing_mm": list(scan.spacing)}

    def untouched() -> Counts:
        detection = bench.verify(marked)
        return {
            "verdict": str(detection.verdict),
            "verified": detection.verified,
            "not_checked_places": len(detection.unlike),
        }

    rows["untouched"] = kept.step(f"{name}, untouched", dict, untouched)
    rows["paints"] = {}
    cubes = [blocks(marked, seed) for seed in range(options.rounds)]
    for what in options.paints:
        paint = paints()[what]
        found: dict[str, list[str]] = {}
        for seed in range(options.rounds):

            def look(seed: int = seed, paint: Any = paint) -> Counts:
                detection = bench.verify(repainted(marked, cubes[seed], paint, seed))
                return {
                    f"{cube.tissue}, {cube.side_mm:g} mm": outcome(detection, cube)
                    for cube in cubes[seed]
                } | {"verdict": str(detection.verdict)}

            step = f"{name}, {what}, round {seed}"
            say(step)
            for cell, result in kept.step(step, dict, look).items():
                found.setdefault(cell, []).append(result)
        rows["paints"][what] = {
            cell: {result: results.count(result) for result in sorted(set(results))}
            for cell, results in found.items()
        }
    return rows


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    add_scans(parser)
    parser.add_argument("--rounds", type=int, default=2, help="of other places, for every paint")
    parser.add_argument("--paints", nargs="+", choices=paints(), default=list(paints()))
    options = parser.parse_args(argv)
    return exit_code("mark_louder", lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    head: dict[str, Any] = {
        **result_head("noise over the mark"),
        "config": {
            "rounds": options.rounds,
            "sides_mm": list(SIDES_MM),
            "tissues": list(TISSUES),
            "paints": options.paints,
        },
    }
    write_scans(options, head, measure)
    return 0


if __name__ == "__main__":
    sys.exit(main())
