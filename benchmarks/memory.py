"""The peak memory of protecting a large scan: a synthetic chest of 1000 slices, really written.

    python benchmarks/memory.py --output docs/results/memory.json

The chest is made and written as DICOM by a process of its own, which takes minutes and much more
memory; `mitsgan protect` then runs on it in another. See docs/benchmarks.md.
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

CHEST_MM = (300.0, 360.0, 360.0)
ALLOWED_TIMES, ALLOWED_GB = 2.0, 0.7


def measure(shape: Sequence[int], place: Path) -> Json:
    """Make the scan, protect it with and without a mark."""
    made, key = place / "made", place / "key"
    spacing = [mm / n for mm, n in zip(CHEST_MM, shape, strict=True)]
    run("phantom", [TASKS, "phantom", made, *map(str, (*shape, *spacing))])
    run("keygen", ["-c", COMMAND, "keygen", "-o", key])
    float32_gb = 4 * prod(shape) / 1e9
    most = ALLOWED_TIMES * float32_gb + ALLOWED_GB
    found: Json = {}
    wanted: dict[str, list[str | Path]] = {"protect": [], "protect_and_mark": ["--key", key]}
    for name, options in wanted.items():
        with tempfile.TemporaryDirectory(dir=place) as out:
            ran = run(name, ["-c", COMMAND, "protect", made, Path(out) / "p", "--quiet", *options])
        found[name] = {
            "peak_memory": quantity([ran.memory_gb], "GB"),
            "target_at_most": round(most, 3),
            "met": ran.memory_gb <= most,
        }
    return {"scan_float32_gb": round(float32_gb, 3), "measured": found}


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, write the JSON, print it; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--shape", type=int, nargs=3, default=[1000, 512, 512], metavar=("Z", "Y", "X"))
    add("--output", type=Path, default=ROOT / "docs" / "results" / "memory.json")
    arguments = parser.parse_args(argv)
    if min(arguments.shape) < 16:
        parser.error("--shape must be three numbers of 16 or more")
    result: Json = {
        "schema": 1,
        "kind": "memory",
        "scan": {"name": "synthetic chest", "shape": arguments.shape},
        "machine": machine(),
        "versions": {name: version(name) for name in PACKAGES},
    }
    try:
        with tempfile.TemporaryDirectory() as place:
            result |= measure(arguments.shape, Path(place))
    except BenchmarkError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    text = json.dumps(result, indent=2, sort_keys=True) + "\n"
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(text)
    print(f"{text}\nwritten to {arguments.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
