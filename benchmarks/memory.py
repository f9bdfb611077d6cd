"""The peak memory of protecting large scans: synthetic chests, really written.

    python benchmarks/memory.py --output docs/results/memory.json

A chest is made and written as DICOM by a process of its own: a stack of some slices, over and over,
there and back, since to paint hundreds would take longer than all the rest. `mitsgan protect` then
runs on it in another. See docs/measuring-speed.md.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from importlib.metadata import version
from math import prod
from pathlib import Path

from machine import machine
from speed import COMMAND, PACKAGES, ROOT, TASKS, BenchmarkError, Json, quantity, run

CHEST_MM = (600.0, 360.0, 360.0)
SHAPES = ((1200, 512, 512), (300, 1024, 1024))
PAINTED = 40
ALLOWED_TIMES, ALLOWED_GB = 2.0, 0.7


def measure(shape: Sequence[int], place: Path) -> Json:
    """Make a scan, protect it as it comes, and with all that is added to it: mark and seal."""
    made, key, secret = place / "made", place / "key", place / "sign.pem"
    painted = min(PAINTED, shape[0])
    spacing = [mm / n for mm, n in zip(CHEST_MM, shape, strict=True)]
    run("phantom", [TASKS, "phantom", made, *map(str, (*shape, *spacing, painted))])
    run("keygen", ["-c", COMMAND, "keygen", "-o", key])
    run("signing key", [TASKS, "signing-key", secret])
    float32_gb = 4 * prod(shape) / 1e9
    most = ALLOWED_TIMES * float32_gb + ALLOWED_GB
    measured: Json = {}
    everything: list[str | Path] = ["--key", key, "--sign", secret]
    for name, options in (("protect", []), ("protect_mark_and_seal", everything)):
        with tempfile.TemporaryDirectory(dir=place) as out:
            ran = run(name, ["-c", COMMAND, "protect", made, Path(out) / "p", "--quiet", *options])
        measured[name] = {
            "peak_memory": quantity([ran.memory_gb], "GB"),
            "target_at_most": round(most, 3),
            "met": ran.memory_gb <= most,
        }
    scan = {"name": "synthetic chest", "shape": list(shape), "painted_slices": painted}
    return {"scan": scan, "scan_float32_gb": round(float32_gb, 3), "measured": measured}


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, write the JSON, print it; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--shape", type=int, nargs=3, action="append", metavar=("Z", "Y", "X"))
    add("--output", type=Path, default=ROOT / "docs" / "results" / "memory.json")
    arguments = parser.parse_args(argv)
    shapes = arguments.shape or SHAPES
    if min(map(min, shapes)) < 16:
        parser.error("--shape must be three numbers of 16 or more")
    result: Json = {
        "schema": 2,
        "kind": "memory",
        "machine": machine(),
        "versions": {name: version(name) for name in PACKAGES},
        "scans": [],
    }
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    try:
        for shape in shapes:
            with tempfile.TemporaryDirectory() as place:
                result["scans"].append(measure(shape, Path(place)))
            text = json.dumps(result, indent=2, sort_keys=True) + "\n"
            arguments.output.write_text(text)
    except BenchmarkError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    print(f"{text}\nwritten to {arguments.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
