"""What the sketch costs: making one, and verifying by it, beside reading the series.

    python benchmarks/sketch_cost.py SERIES --output docs/results/sketch-cost.json

A series of 300 slices is made of the one that is given, its slices forth and back, in a temporary
folder. Reading it, verifying it as it is, and verifying it with noise of one level in every voxel
take turns, so that what else the machine does falls on all of them. Processor seconds, of all
threads together, are told beside those of the clock: they hold on a busy machine, too. See
docs/seal.md.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydicom import dcmread
from pydicom.uid import generate_uid

from machine import load_average, machine
from measuring import add_output, exit_code, result_head
from mitsgan.errors import MitsganError
from mitsgan.files import read_scan
from mitsgan.files.dicom.source import DicomSource
from mitsgan.jobs.outputs import check_file, scan_name, write_json
from mitsgan.seal.format import write_seal
from mitsgan.seal.seal import make_seal
from mitsgan.seal.signature import Signer
from mitsgan.seal.sketch.encoding import to_fields
from mitsgan.seal.sketch.sketch import make_sketch
from mitsgan.seal.trust import Trust
from mitsgan.seal.verify import verify_seal

Json = dict[str, Any]

MOST_TIMES_READ = 1.5
MOST_SECONDS_TO_MAKE = 0.3


def stretched(series: Path, folder: Path, slices: int) -> None:
    """Write a series of so many slices: those of another, forth and back, evenly spaced.

    Raises:
        MitsganError: it is no series of single slices.
    """
    scan = read_scan(series)
    if not isinstance(scan.source, DicomSource) or len(scan.source.files) != len(scan.stored):
        raise MitsganError(f"{series} is no DICOM series of single slices; name another")
    files = [frame.file.path for frame in scan.source.slices]
    order = [*files, *files[-2:0:-1]]
    step = scan.geometry.matrix[0]
    first = np.asarray(scan.geometry.origin)
    uid = generate_uid()
    folder.mkdir()
    for number in range(slices):
        ds = dcmread(order[number % len(order)])
        if ds.file_meta.TransferSyntaxUID.is_compressed:
            ds.decompress(generate_instance_uid=False)
        ds.SeriesInstanceUID, ds.SOPInstanceUID = uid, generate_uid()
        ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
        ds.InstanceNumber = number + 1
        ds.ImagePositionPatient = [f"{mm:.6g}" for mm in first + number * step]
        ds.pop("SliceLocation", None)
        ds.save_as(folder / f"{number:04}.dcm")


def with_noise(series: Path, folder: Path) -> None:
    """Write a copy of a series with one level added to or taken from every voxel at random."""
    rng = np.random.default_rng(0)
    folder.mkdir()
    for file in series.iterdir():
        ds = dcmread(file)
        values = ds.pixel_array
        moved = values + rng.choice(np.array([-1, 1], np.int32), values.shape)
        ds.PixelData = moved.clip(values.min(), values.max()).astype(values.dtype).tobytes()
        ds.save_as(folder / file.name)


def quantity(values: Sequence[float]) -> Json:
    """Repeats of one measurement."""
    rounded = [round(value, 4) for value in values]
    return {"median": median(rounded), "least": min(rounded), "n": len(rounded), "unit": "s"}


def measure(series: Path, slices: int, repeats: int) -> Json:
    """Seconds of the steps in turns, and what they come to."""
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        stretched(series, work / "series", slices)
        with_noise(work / "series", work / "noisy")
        signer = Signer(Ed25519PrivateKey.generate())
        seal, trust = work / "seal.json", Trust((signer.public_key,))
        write_seal(make_seal(work / "series", signer), seal)
        scan = read_scan(work / "series")
        verdicts: dict[str, str] = {}

        def verify(which: str) -> None:
            verdicts[which] = verify_seal(work / which, seal, trust).verdict

        steps: dict[str, Callable[[], object]] = {
            "read": lambda: read_scan(work / "series"),
            "make_sketch": lambda: make_sketch(scan),
            "verify_intact": lambda: verify("series"),
            "verify_processed": lambda: verify("noisy"),
        }
        seconds: dict[str, list[float]] = {step: [] for step in steps}
        cpu_seconds: dict[str, list[float]] = {step: [] for step in steps}
        for turn in range(repeats + 1):
            for step, work_once in steps.items():
                start, cpu_start = time.perf_counter(), time.process_time()
                work_once()
                if turn:  # the first turn warms caches
                    seconds[step].append(time.perf_counter() - start)
                    cpu_seconds[step].append(time.process_time() - cpu_start)
        sketch = make_sketch(scan)
        size = sum(len(str(text)) for text in to_fields(sketch).values())
        assert verdicts == {"series": "intact", "noisy": "processed"}, verdicts
        return {
            "shape": list(scan.shape),
            "spacing_mm": list(scan.spacing),
            "sketch_share_of_pixels": size / (2 * scan.stored.size),
            "seconds": {step: quantity(values) for step, values in seconds.items()},
            "cpu_seconds": {step: quantity(values) for step, values in cpu_seconds.items()},
            "times_reading": _times_reading(seconds),
            "cpu_times_reading": _times_reading(cpu_seconds),
        }


def _times_reading(seconds: dict[str, list[float]]) -> dict[str, float]:
    """Median over the turns of how often verifying holds reading."""
    return {
        step: round(median(a / b for a, b in zip(seconds[step], seconds["read"], strict=True)), 3)
        for step in ("verify_intact", "verify_processed")
    }


def main() -> int:
    """Measure, and write the result; 1 where a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("series", type=Path, metavar="SERIES")
    add_output(parser)
    parser.add_argument("--slices", type=int, default=300)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()

    def work() -> int:
        check_file(options.output, options.overwrite, "output", source=options.series)
        measured = measure(options.series, options.slices, options.repeats)
        bars = {
            "make_sketch_s": MOST_SECONDS_TO_MAKE,
            "times_reading": MOST_TIMES_READ,
        }
        result = {
            **result_head("cost of the sketch"),
            "scan": scan_name(options.series),
            "machine": machine(),
            "load_average": load_average(),
            "bars": bars,
            **measured,
        }
        write_json(options.output, result, overwrite=options.overwrite)
        missed = measured["seconds"]["make_sketch"]["median"] > MOST_SECONDS_TO_MAKE
        missed |= max(measured["times_reading"].values()) > MOST_TIMES_READ
        return int(missed)

    return exit_code("sketch_cost", work)


if __name__ == "__main__":
    sys.exit(main())
