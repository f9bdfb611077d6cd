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
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from loud_cases import SIDES_MM, TISSUES, Block, blocks, paints, repainted
from mitsgan import __version__
from mitsgan.cli.options import as_options
from mitsgan.errors import MitsganError
from mitsgan.evaluate.journal import Journal
from mitsgan.evaluate.mark.bench import MarkBench
from mitsgan.evaluate.mark.settings import MarkEvaluationSettings
from mitsgan.files import read_scan
from mitsgan.jobs.outputs import check_file, scan_name, write_json
from mitsgan.mark import Detection
from mitsgan.phantom.chest import chest
from mitsgan.scan.scan import Scan

Say = Callable[[str], None]
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
    for what, paint in paints().items():
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


def _scans(options: argparse.Namespace) -> Sequence[tuple[str, Callable[[], Scan]]]:
    if options.phantom:
        z, y, x = options.phantom
        return [("phantom", lambda: chest((z, y, x), (180 / z, 360 / y, 360 / x), seed=1))]
    return [(scan_name(path), partial(read_scan, path)) for path in options.scans]


def main() -> int:
    """Measure, and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("scans", type=Path, nargs="*", metavar="SCAN")
    parser.add_argument("--output", type=Path, required=True, metavar="FILE.json")
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier output")
    parser.add_argument("--rounds", type=int, default=2, help="of other places, for every paint")
    parser.add_argument(
        "--phantom",
        type=int,
        nargs=3,
        metavar=("Z", "Y", "X"),
        help="measure a synthetic chest of so many voxels instead of scans",
    )
    options = parser.parse_args()
    try:
        check_file(options.output, options.overwrite, "output")
        if bool(options.scans) == bool(options.phantom):
            raise MitsganError("name scans, or a --phantom: one of the two")
        head: dict[str, Any] = {
            "schema": 1,
            "kind": "noise over the mark",
            "version": __version__,
            "config": {
                "rounds": options.rounds,
                "sides_mm": list(SIDES_MM),
                "tissues": list(TISSUES),
                "paints": list(paints()),
            },
        }
        partial_file = options.output.with_name(f"{options.output.name}.partial")
        kept = Journal(partial_file, {**head, "scans": [name for name, _ in _scans(options)]})
        rows = {name: measure(name, read(), options, kept, _say) for name, read in _scans(options)}
        write_json(options.output, {**head, "scans": rows}, overwrite=options.overwrite)
        partial_file.unlink()
    except MitsganError as error:
        sys.stderr.write(f"mark_louder: {as_options(str(error))}\n")
        return 2
    return 0


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
