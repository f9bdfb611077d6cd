"""How near the sketch comes to accusing scans that nobody tampered with, by many looks.

    python benchmarks/sketch_untouched.py SCAN [...] --output docs/results/sketch-untouched.json

Of each scan the middle slices are taken: as they are, sharpened as by a hard kernel, and as if the
pixels were as fine as of a small field of view, sharpened too; beside them phantoms. Each goes
through filters, grids and windows, and the largest score is told as a part of its threshold: from 1
on the verdict is *tampered*. Interrupted, it goes on where it was. See docs/seal.md.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from machine import machine
from measuring import add_output, exit_code, result_head, say
from mitsgan.evaluate.journal import Journal
from mitsgan.evaluate.purify.purifiers import PURIFIERS
from mitsgan.files import read_scan
from mitsgan.jobs.outputs import check_file, scan_name, write_json
from mitsgan.phantom.chest import chest
from mitsgan.scan.scan import AIR_HU, Scan
from mitsgan.seal.sketch.judge import judge
from mitsgan.seal.sketch.sketch import Sketch, make_sketch
from sketch_benign import CASES, HIGHEST_HU, Change, filtered, through_window, with_hu

Array = NDArray[np.float32]
Look = Callable[[], Scan]

_FINE_MM = (3.0, 0.564, 0.564)
_SHARPER, _SHARPER_FINE = 2.0, 1.0
"""What a scan gains over itself blurred by a pixel, as by a hard kernel: bone with higher peaks,
and noise several times as strong."""

_WINDOWS = ((-1000, 1400), (-1000, 1900), (-1200, 700), (-500, 1300))


ALL_CASES: dict[str, Change] = {
    **CASES,
    **{name: filtered(purifier) for name, purifier in PURIFIERS.items() if name not in CASES},
    **{
        f"8 bit, {low} to {high} HU": through_window((low + high) / 2, high - low)
        for low, high in _WINDOWS
    },
}


def looks(paths: list[Path], slices: int) -> Iterator[tuple[str, Look]]:
    """What is judged, each with its name."""
    for path in paths:
        name = scan_name(path)
        yield name, partial(_middle, path, slices)
        yield f"{name}, sharpened", partial(_hard, path, slices)
        yield f"{name}, sharpened, pixels of 0.564 mm", partial(_hard_and_fine, path, slices)
    yield "phantom, pixels of 0.564 mm", _fine_phantom
    yield "phantom, sharpened, slices of 1 mm", _hard_phantom


def _middle(path: Path, slices: int) -> Scan:
    """Of a scan, padding kept."""
    scan = read_scan(path)
    first = max(0, (len(scan.stored) - slices) // 2)
    last = first + slices
    return scan.with_slices(scan.stored[first:last], first, last)


def _hard(path: Path, slices: int) -> Scan:
    return _sharpened(_middle(path, slices), _SHARPER)


def _hard_and_fine(path: Path, slices: int) -> Scan:
    """The same voxels as if they were those of a smaller patient, sharpened."""
    scan = _middle(path, slices)
    fine = replace(scan, geometry=replace(scan.geometry, spacing=_FINE_MM))
    return _sharpened(fine, _SHARPER_FINE)


def _fine_phantom() -> Scan:
    scan = chest((32, 384, 384), _FINE_MM, seed=5)
    return with_hu(scan, scan.hu())


def _hard_phantom() -> Scan:
    return _sharpened(chest((64, 256, 256), (1.0, 0.9, 0.9), seed=7), _SHARPER_FINE)


def _sharpened(scan: Scan, by: float) -> Scan:
    hu = scan.hu().clip(AIR_HU, HIGHEST_HU)
    blurred = ndimage.gaussian_filter(hu, (0, 1, 1), mode="nearest")
    sharp = hu + np.float32(by) * (hu - blurred)
    sharp[scan.is_padding()] = AIR_HU
    return with_hu(scan, sharp)


def measure(options: argparse.Namespace, journal: Journal) -> None:
    """Every look after every case."""
    for name, make in looks(options.scans, options.slices):
        made: tuple[Scan, Sketch] | None = None
        for case in options.cases:
            step = f"{name} after {case}"
            if step in journal:
                continue
            if made is None:
                scan = make()
                made = scan, make_sketch(scan)
            say(step)
            scan, sketch = made
            report = judge(sketch, [ALL_CASES[case](scan, 0)])
            journal.keep(
                step,
                {
                    "verdict": report.verdict,
                    "regions": len(report.regions),
                    "closest": round(report.differences.closest, 3),
                    "judged_share": round(report.judged_share, 3),
                },
            )


def result(options: argparse.Namespace, journal: Journal) -> dict[str, Any]:
    """What there is, by look and case."""
    kept = journal.results()
    by_look = {
        name: {
            case: kept[f"{name} after {case}"]
            for case in options.cases
            if f"{name} after {case}" in kept
        }
        for name, _ in looks(options.scans, options.slices)
    }
    return {"looks": {name: cases for name, cases in by_look.items() if cases}}


def main() -> int:
    """Measure, and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("scans", type=Path, nargs="+", metavar="SCAN")
    add_output(parser)
    parser.add_argument("--write", action="store_true", help="only write what was measured")
    parser.add_argument("--slices", type=int, default=48, help="of each scan")
    parser.add_argument("--cases", nargs="+", choices=list(ALL_CASES), default=list(ALL_CASES))
    options = parser.parse_args()

    def work() -> int:
        check_file(options.output, options.overwrite, "output")
        head = {
            **result_head("untouched scans judged by their sketch"),
            "config": {"slices": options.slices},
        }
        journal = Journal(options.output.with_name(f"{options.output.name}.partial"), head)
        if not options.write:
            measure(options, journal)
        found = {**head, "machine": machine(), **result(options, journal)}
        write_json(options.output, found, overwrite=options.overwrite)
        return 0

    return exit_code("sketch_untouched", work)


if __name__ == "__main__":
    sys.exit(main())
