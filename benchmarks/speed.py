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

    def inside(self, *phases: str) -> list[float]:
        """Seconds without the start-up: of the task, or of phases that the command reports on."""
        seconds = [result["seconds"] for result in self.results]
        if phases:
            return [sum(one[phase] for phase in phases) for one in seconds]
        return [float(one) for one in seconds]

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
    about = series["layers"].results[0]
    slices, copied = int(about["shape"][0]), int(series["read_write"].results[0]["slices"])
    if copied != slices:
        raise BenchmarkError(f"read_write found {copied} slices, the scan has {slices}")
    measured = _measured(series, slices)
    most = max(measured["protect"]["peak_memory"]["values"])
    memory = {"value": most, "unit": "GB", "target_at_most": MOST_MEMORY_GB}
    return {
        "scan": {"shape": about["shape"], "spacing_mm": about["spacing_mm"]},
        "measured": measured,
        "ratios": _ratios(series, measured),
        "peak_memory_of_protect": {**memory, "met": most < MOST_MEMORY_GB},
    }


def _measured(series: dict[str, Series], slices: int) -> Json:
    """What each task took."""
    layers, paper = series["layers"], series["paper"]
    about = layers.results[0]
    return {
        "read_write": _command(
            series["read_write"], "read and write the series with plain pydicom"
        ),
        "protect": _command(series["protect"], "mitsgan protect, a fresh process", _PHASES),
        "wave": _command(
            series["wave"],
            "mitsgan protect --protector wave, a fresh process, without a network",
            _PHASES,
        ),
        "apply_layers": {
            "what": "apply_perturbations alone, scan and weights in memory",
            "in_process": quantity(layers.inside(), "s"),
            "per_slice": quantity([one / slices for one in layers.inside()], "s per slice"),
            "precision": about["precision"],
            "threads": about["threads"],
        },
        "paper": {
            "what": "the released generator's architecture, random weights, float64",
            "per_slice": quantity(
                [s for r in paper.results for s in r["seconds_per_slice"]], "s per slice"
            ),
            "peak_memory": paper.memory(),
        },
        "read": _command(series["read"], "read the marked series, a fresh process"),
        "verify": {
            **_command(
                series["verify"],
                "mitsgan verify --key, a fresh process; in it, looking for the mark",
                ("verify",),
            ),
            "phases": series["verify"].phases("read", "verify"),
        },
    }


def _command(series: Series, what: str, phases: Sequence[str] = ()) -> Json:
    """What one process took, as a whole and in the phases that it reports, if it does."""
    parts = {"phases": series.phases(*phases)} if phases else {}
    return {
        "what": what,
        "whole_process": series.whole(),
        "processors": series.processors(),
        "in_process": quantity(series.inside(*phases), "s"),
        **parts,
        "peak_memory": series.memory(),
    }


def _ratios(series: dict[str, Series], measured: Json) -> Json:
    """Of what stands side by side, with the targets."""
    plain, read, verify = (series[name] for name in ("read_write", "read", "verify"))
    ratios: Json = {}
    for name in ("protect", "wave"):
        one, over = series[name], f"{name}_over_read_write"
        inside = median(one.inside(*_PHASES)) / median(plain.inside())
        ratios[over] = _over(one.whole(), plain.whole(), MOST_TIMES_READ_WRITE)
        ratios[f"{over}_processors"] = _over(one.processors(), plain.processors())
        ratios[f"{over}_without_start"] = _ratio(inside, MOST_TIMES_WITHOUT_START)
    looking, reading = (measured[name]["in_process"] for name in ("verify", "read"))
    theirs, ours = (measured[name]["per_slice"] for name in ("paper", "apply_layers"))
    return {
        **ratios,
        "verify_over_read": _over(verify.whole(), read.whole(), MOST_TIMES_READ),
        "verify_over_read_processors": _over(verify.processors(), read.processors()),
        "verify_over_read_without_start": _over(looking, reading, MOST_TIMES_WITHOUT_START),
        "paper_over_ours_per_slice": _over(theirs, ours),
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
