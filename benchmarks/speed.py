"""Speed and memory of protecting a scan and of verifying it, side by side with the alternatives.

Reading and writing the series with plain pydicom is the floor; the released MITS-GAN generator
is what there was before. Verifying a mark is measured beside reading. See docs/measuring-speed.md.

This process stays small, without numpy or torch: Linux counts the memory of whoever starts a
process as the least that process ever had.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from machine import load_average, machine

ROOT = Path(__file__).parents[1]
TASKS = Path(__file__).with_name("tasks.py")
COMMAND = "import sys; from mitsgan.cli.main import main; sys.exit(main())"
MOST_TIMES_READ_WRITE = 3.0
MOST_TIMES_READ = 1.5
MOST_TIMES_WITHOUT_START = 2.0
MOST_MEMORY_GB = 2.5
_REPORTING = ("protect", "wave", "verify")
_PHASES = ("read", "protect", "write")
PACKAGES = ("mitsgan", "torch", "onnxruntime", "numpy", "pydicom")

Json = dict[str, Any]


class BenchmarkError(Exception):
    """A task failed; says which, and what it said."""


@dataclass
class Run:
    """One finished process."""

    seconds: float
    processor_seconds: float
    memory_gb: float
    output: str


@dataclass
class Series:
    """What repeats of one task gave."""

    runs: list[Run] = field(default_factory=list)
    results: list[Json] = field(default_factory=list)

    def whole(self) -> Json:
        """Seconds of the whole process, with its start-up."""
        return quantity([run.seconds for run in self.runs], "s")

    def processors(self) -> Json:
        """Seconds that processors worked on the whole process, all together."""
        return quantity([run.processor_seconds for run in self.runs], "s")

    def phases(self, *names: str) -> Json:
        """Seconds of what the command reports on."""
        return {name: quantity([r["seconds"][name] for r in self.results], "s") for name in names}

    def memory(self) -> Json:
        """The largest resident set of the process."""
        return quantity([run.memory_gb for run in self.runs], "GB")


def quantity(values: Sequence[float], unit: str) -> Json:
    """Repeats of one measurement, with their median."""
    rounded = [round(v, 4) for v in values]
    return {"median": median(rounded), "n": len(rounded), "unit": unit, "values": rounded}


def run(name: str, command: Sequence[str | Path], fine: Sequence[int] = (0,)) -> Run:
    """Run a process to its end, and say how long it took and how much memory it had.

    ``fine`` are the exit codes that mean no failure.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        start = perf_counter()
        process = subprocess.Popen(
            [sys.executable, *command], stdout=out, stderr=err, env=_with_bytecode()
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        if process.returncode not in fine:
            said = err.read().decode(errors="replace").strip()
            raise BenchmarkError(f"{name} ended with exit code {process.returncode}: {said}")
        unit = 1 if sys.platform == "darwin" else 1024
        processors = usage.ru_utime + usage.ru_stime
        return Run(seconds, processors, usage.ru_maxrss * unit / 1e9, out.read().decode())


def _with_bytecode() -> dict[str, str]:
    """An environment in which Python keeps what it compiled, as for every installed package."""
    return {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}


def measure(arguments: argparse.Namespace, place: Path) -> Json:
    """Run every task ``repeats`` times, in alternating order."""
    scan: Path = arguments.scan
    given = ["--given", arguments.weights] if arguments.weights else []
    chosen = json.loads(
        run("weights", [TASKS, "weights", *given, place / "random.safetensors"]).output
    )
    key, marked = place / "mark.key", place / "marked"
    run("keygen", ["-c", COMMAND, "keygen", "-o", key, "--quiet"])
    made: list[str | Path] = ["-c", COMMAND, "protect", scan, marked, "--quiet", "--key", key]
    weights = [] if chosen["shipped"] else ["--weights", chosen["path"]]
    run("mark", [*made, "--device", "cpu", *weights])
    names = ["read_write", "protect", "wave", "layers", "paper", "read", "verify"]
    series = {name: Series() for name in names}
    warm(scan)
    warm(marked)
    for repeat in range(arguments.repeats):
        for name in names if repeat % 2 == 0 else names[::-1]:
            with tempfile.TemporaryDirectory(dir=place) as folder:
                out, report = Path(folder), Path(folder) / "report.json"
                commands: dict[str, list[str | Path]] = {
                    "read_write": [TASKS, "read-write", scan, out],
                    "protect": [
                        *("-c", COMMAND, "protect", scan, out / "protected", "--quiet"),
                        *("--device", "cpu", *weights, "--output", report),
                    ],
                    "wave": [
                        *("-c", COMMAND, "protect", scan, out / "protected", "--quiet"),
                        *("--device", "cpu", "--protector", "wave", "--output", report),
                    ],
                    "layers": [TASKS, "layers", scan, *weights[1:]],
                    "paper": [TASKS, "paper", scan, str(arguments.slices_paper)],
                    "read": [TASKS, "read", marked],
                    "verify": [
                        *("-c", COMMAND, "verify", marked, "--key", key),
                        *("--quiet", "--output", report),
                    ],
                }
                # A scan of few voxels has too little of the mark: unknown.
                finished = run(name, commands[name], (0, 3) if name == "verify" else (0,))
                text = report.read_text() if name in _REPORTING else finished.output
            series[name].runs.append(finished)
            series[name].results.append(json.loads(text))
    about = {key: chosen[key] for key in ("sha256", "random")}
    return {**summary(series), "weights": about}


def summary(series: dict[str, Series]) -> Json:
    """Medians and ratios of all repeats."""
    plain, protect, wave, layers, paper, read, verify = (
        series[name]
        for name in ("read_write", "protect", "wave", "layers", "paper", "read", "verify")
    )
    about = layers.results[0]
    slices = int(about["shape"][0])
    copied = int(plain.results[0]["slices"])
    if copied != slices:
        raise BenchmarkError(f"read_write found {copied} slices, the scan has {slices}")
    checks = verify.phases("read", "verify")
    inside, inside_wave = (
        [sum(r["seconds"][phase] for phase in _PHASES) for r in one.results]
        for one in (protect, wave)
    )
    alone = [float(r["seconds"]) for r in plain.results]
    ours = quantity([r["seconds"] / slices for r in layers.results], "s per slice")
    theirs = quantity([s for r in paper.results for s in r["seconds_per_slice"]], "s per slice")
    measured = {
        "read_write": {
            "what": "read and write the series with plain pydicom",
            "whole_process": plain.whole(),
            "processors": plain.processors(),
            "in_process": quantity(alone, "s"),
            "peak_memory": plain.memory(),
        },
        "protect": {
            "what": "mitsgan protect, a fresh process",
            "whole_process": protect.whole(),
            "processors": protect.processors(),
            "in_process": quantity(inside, "s"),
            "phases": protect.phases(*_PHASES),
            "peak_memory": protect.memory(),
        },
        "wave": {
            "what": "mitsgan protect --protector wave, a fresh process, without a network",
            "whole_process": wave.whole(),
            "processors": wave.processors(),
            "in_process": quantity(inside_wave, "s"),
            "phases": wave.phases(*_PHASES),
            "peak_memory": wave.memory(),
        },
        "apply_layers": {
            "what": "apply_perturbations alone, scan and weights in memory",
            "in_process": quantity([r["seconds"] for r in layers.results], "s"),
            "per_slice": ours,
            "precision": about["precision"],
            "threads": about["threads"],
        },
        "paper": {
            "what": "the released generator's architecture, random weights, float64",
            "per_slice": theirs,
            "peak_memory": paper.memory(),
        },
        "read": {
            "what": "read the marked series, a fresh process",
            "whole_process": read.whole(),
            "processors": read.processors(),
            "in_process": quantity([r["seconds"] for r in read.results], "s"),
            "peak_memory": read.memory(),
        },
        "verify": {
            "what": "mitsgan verify --key, a fresh process; in it, looking for the mark",
            "whole_process": verify.whole(),
            "processors": verify.processors(),
            "in_process": checks["verify"],
            "phases": checks,
            "peak_memory": verify.memory(),
        },
    }
    ratios = {
        "protect_over_read_write": _over(protect.whole(), plain.whole(), MOST_TIMES_READ_WRITE),
        "protect_over_read_write_processors": _over(protect.processors(), plain.processors()),
        "protect_over_read_write_without_start": _ratio(
            median(inside) / median(alone), MOST_TIMES_WITHOUT_START
        ),
        "wave_over_read_write": _over(wave.whole(), plain.whole(), MOST_TIMES_READ_WRITE),
        "wave_over_read_write_processors": _over(wave.processors(), plain.processors()),
        "wave_over_read_write_without_start": _ratio(
            median(inside_wave) / median(alone), MOST_TIMES_WITHOUT_START
        ),
        "verify_over_read": _over(verify.whole(), read.whole(), MOST_TIMES_READ),
        "verify_over_read_processors": _over(verify.processors(), read.processors()),
        "verify_over_read_without_start": _over(
            checks["verify"], measured["read"]["in_process"], MOST_TIMES_WITHOUT_START
        ),
        "paper_over_ours_per_slice": _ratio(theirs["median"] / ours["median"]),
    }
    most = max(protect.memory()["values"])
    memory = {"value": most, "unit": "GB", "target_at_most": MOST_MEMORY_GB}
    return {
        "scan": {"shape": about["shape"], "spacing_mm": about["spacing_mm"]},
        "measured": measured,
        "ratios": ratios,
        "peak_memory_of_protect": {**memory, "met": most < MOST_MEMORY_GB},
    }


def _over(one: Json, other: Json, most: float | None = None) -> Json:
    return _ratio(one["median"] / other["median"], most)


def _ratio(value: float, most: float | None = None) -> Json:
    ratio: Json = {"value": round(value, 3), "unit": "1"}
    return ratio if most is None else {**ratio, "target_at_most": most, "met": value <= most}


def warm(folder: Path) -> None:
    """Read every file once, so that no task pays for the disk and the next one does not."""
    for path in (p for p in folder.rglob("*") if p.is_file()):
        with path.open("rb") as file:
            while file.read(1 << 20):
                pass


def table(result: Json) -> str:
    """The result for people."""
    lines = [f"scan {result['scan']['shape']} [z, y, x], medians of {result['repeats']}"]
    for name, entry in result["measured"].items():
        lines.append(f"\n{name}: {entry['what']}")
        rows = {**entry, **{f"phase {k}": v for k, v in entry.get("phases", {}).items()}}
        lines += [
            f"  {label.replace('_', ' '):32}{row['median']:10.3f} {row['unit']}"
            for label, row in rows.items()
            if isinstance(row, dict) and "median" in row
        ]
    lines.append("\nratios and targets")
    judged = {**result["ratios"], "peak_memory_of_protect": result["peak_memory_of_protect"]}
    for label, row in judged.items():
        unit = "" if row["unit"] == "1" else f" {row['unit']}"
        said = ""
        if "met" in row:
            outcome = "met" if row["met"] else "missed"
            said = f"  (target at most {row['target_at_most']:g}: {outcome})"
        lines.append(f"  {label.replace('_', ' '):42}{row['value']:8.2f}{unit}{said}")
    if result["weights"]["random"]:
        lines.append("\nweights: random, since none are shipped yet; the time is the same")
    return "\n".join(lines)


def arguments_of(argv: Sequence[str] | None) -> argparse.Namespace:
    data = Path(os.environ.get("MITSGAN_DATA") or ROOT.parent / "shared" / "data")
    parser = argparse.ArgumentParser(description="Speed and memory of protecting and verifying.")
    add = parser.add_argument
    add("--scan", type=Path, default=data / "ct" / "lidc-0001", help="folder of a DICOM series")
    add("--slices-paper", type=int, default=2, help="slices for the released network, per repeat")
    add("--repeats", type=int, default=3, help="how often each is run")
    add("--weights", type=Path, help="of a protector; default: the shipped ones, else random ones")
    add("--output", type=Path, default=ROOT / "docs" / "results" / "speed.json")
    arguments = parser.parse_args(argv)
    if arguments.repeats < 1 or arguments.slices_paper < 1:
        parser.error("--repeats and --slices-paper must be 1 or more")
    if not arguments.scan.is_dir():
        parser.error(f"no folder {arguments.scan}: give --scan, or set MITSGAN_DATA")
    return arguments


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, write the JSON, print the table; the exit code."""
    arguments = arguments_of(argv)
    result: Json = {
        "schema": 1,
        "kind": "speed",
        "machine": machine(),
        "load_average_before": load_average(),
        "versions": {name: version(name) for name in PACKAGES},
        "repeats": arguments.repeats,
        "device": "cpu",
    }
    try:
        with tempfile.TemporaryDirectory() as place:
            result |= measure(arguments, Path(place))
    except BenchmarkError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    result["scan"]["name"] = arguments.scan.resolve().name
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(result, indent=2, sort_keys=True) + "\n")
    print(f"{table(result)}\n\nwritten to {arguments.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
