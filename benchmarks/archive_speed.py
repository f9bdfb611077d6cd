"""What an archive costs beside the single command, on one core and two, and what large ones take.

    python benchmarks/archive_speed.py SERIES --output docs/results/archive-speed.json

Copies of the series are protected in several ways in turns, so that what else the machine does
falls on all of them: by `protect` in one process, its start left out; by `archive run` with one
worker, and with two. One worker's processor seconds are taken besides: they hold on a busy machine.
Then the ledger is filled with 50,000 series and taken from by several processes at once, and the
disk is written and read. With what that costs, large archives are simulated on many machines (see
`archive_simulation.py`). docs/archive.md has the tables.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from pydicom import dcmread
from pydicom.uid import generate_uid

import mitsgan.archive.worker
from archive_costs import contention, disk_rates
from archive_simulation import Costs, Site, megavoxels, most_workers, simulate
from machine import load_average, machine
from measuring import exit_code, result_head, say
from mitsgan.archive.plan import plan_archive
from mitsgan.archive.report import archive_report
from mitsgan.archive.run import run_archive
from mitsgan.archive.settings import PlanSettings, RunSettings
from mitsgan.archive.task import Outcome, Task
from mitsgan.archive.work import Work
from mitsgan.archive.worker import work_through
from mitsgan.errors import MitsganError
from mitsgan.jobs.outputs import check_file, scan_name, write_json
from mitsgan.jobs.protect.file import load_protection, protect_file
from mitsgan.jobs.protect.settings import ProtectFile

Json = dict[str, Any]

LEAST_SPEEDUP, MOST_TIMES_PROTECT, MOST_OVERHEAD = 1.8, 1.3, 0.03
MOST_JOBS = 2
SERIES, CONTENTION_S = 50_000, 3.0
NODES, WORKERS, DISKS_MB_S = (1, 10, 100), 16, (1_000, 10_000)


def copies(series: Path, folder: Path, count: int) -> None:
    """Write a series several times, under UIDs of their own.

    Raises:
        MitsganError: there is none.
    """
    files = sorted(path for path in series.iterdir() if path.suffix == ".dcm")
    if not files:
        raise MitsganError(f"{series} holds no .dcm files; name a folder with a DICOM series")
    for number in range(count):
        uid = generate_uid()
        (folder / str(number)).mkdir(parents=True)
        for path in files:
            dataset = dcmread(path)
            dataset.SeriesInstanceUID = uid
            dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
            dataset.save_as(folder / str(number) / path.name)


def single(folder: Path, out: Path) -> Json:
    """Protect every series of a folder in this process: seconds of each, the start left out."""
    wall, cpu = [], []
    protection = None
    for scan in sorted(folder.iterdir()):
        settings = ProtectFile(scan=scan, out=out / scan.name)
        protection = protection or load_protection(settings)
        start, cpu_start = time.perf_counter(), time.process_time()
        protect_file(settings, protection=protection)
        wall.append(time.perf_counter() - start)
        cpu.append(time.process_time() - cpu_start)
    return {"wall": median(wall), "cpu": median(cpu)}


def archive(folder: Path, place: Path, jobs: int) -> Json:
    """Plan and run an archive: seconds per series, all workers together, and what is not work."""
    ledger = plan(folder, place / f"{jobs}.db", place / f"out-{jobs}")
    cpu = time.process_time()
    ran = run_archive(RunSettings(ledger=ledger, jobs=jobs))
    watching = time.process_time() - cpu
    tasks = archive_report(ledger).series
    if ran.failed or any(task.state != "done" for task in tasks):
        raise MitsganError(f"a series was not protected: {[task.reason for task in tasks]}")
    spans, rate = 0.0, 0.0
    for owner in {task.owner for task in tasks}:
        own = sorted((task for task in tasks if task.owner == owner), key=lambda task: task.ended)
        spans += own[-1].ended - own[0].started
        # A worker's first series pays for its start.
        if len(own) > 1:
            rate += (len(own) - 1) / (own[-1].ended - own[0].ended)
    return {
        "per_series": 1 / rate,
        "beside_work": spans / sum(task.seconds for task in tasks) - 1,
        "watching": watching / spans,
    }


def worker(folder: Path, place: Path) -> Json:
    """Do an archive as one worker does, in this process; processor seconds, the start left out."""
    within: list[float] = []

    class Timed(Work):
        """Notes the processor seconds of each series."""

        def do(self, task: Task) -> Outcome:
            start = time.process_time()
            outcome = super().do(task)
            within.append(time.process_time() - start)
            return outcome

    mitsgan.archive.worker.Work = Timed  # type: ignore[attr-defined]
    ledger = plan(folder, place / "worker.db", place / "out-worker")
    before = time.process_time()
    work_through(ledger, "benchmark", 1e6, 120)
    whole = time.process_time() - before
    return {"cpu": median(within), "overhead_cpu": whole / sum(within) - 1}


def plan(folder: Path, ledger: Path, out: Path) -> Path:
    """A ledger of a folder's series."""
    plan_archive(PlanSettings(source=folder, ledger=ledger, output=out))
    return ledger


def in_process(mode: str, *paths: Path) -> Json:
    """What this script measures in a process of its own."""
    command = [sys.executable, __file__, mode, *map(str, paths)]
    ran = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    answer: Json = json.loads(ran.stdout)
    return answer


def take_turns(folder: Path, place: Path, turns: int) -> Json:
    """The ways in turns."""
    rows: dict[str, list[Json]] = {"protect": [], "worker": [], "one": [], "two": []}
    for turn in range(turns):
        with tempfile.TemporaryDirectory(dir=place) as name:
            here = Path(name)
            rows["protect"].append(in_process("--single", folder, here / "single"))
            rows["one"].append(archive(folder, here, 1))
            rows["two"].append(archive(folder, here, 2))
            rows["worker"].append(in_process("--worker", folder, here))
        say(f"turn {turn + 1} of {turns}")

    def of_turns(of: Callable[[Json, Json, Json, Json], float]) -> Json:
        values = [round(of(*row), 4) for row in zip(*rows.values(), strict=True)]
        return {"median": median(values), "values": values}

    return {
        "series": len(list(folder.iterdir())),
        "turns": turns,
        "seconds": {
            "protect": of_turns(lambda p, w, one, two: p["wall"]),
            "protect_cpu": of_turns(lambda p, w, one, two: p["cpu"]),
            "one": of_turns(lambda p, w, one, two: one["per_series"]),
            "two": of_turns(lambda p, w, one, two: two["per_series"]),
            "worker_cpu": of_turns(lambda p, w, one, two: w["cpu"]),
        },
        "speedup": of_turns(lambda p, w, one, two: one["per_series"] / two["per_series"]),
        "times_protect": of_turns(lambda p, w, one, two: one["per_series"] / p["wall"]),
        "times_protect_cpu": of_turns(lambda p, w, one, two: w["cpu"] / p["cpu"]),
        "overhead": of_turns(lambda p, w, one, two: one["beside_work"]),
        "overhead_cpu": of_turns(lambda p, w, one, two: w["overhead_cpu"]),
        "watching": of_turns(lambda p, w, one, two: two["watching"]),
    }


def simulations(turns: Json, ledger: Sequence[Json], disk: Json, voxels: int, series: int) -> Json:
    """Large archives, from what was measured."""
    costs = Costs(
        seconds_per_megavoxel=turns["seconds"]["worker_cpu"]["median"] / (voxels / 1e6),
        # What several processes get through together is what the ledger can do.
        transaction_s=1 / min(row["per_second"] for row in ledger if row["processes"] > 1),
        read_mb_s=disk["read_mb_s"],
        write_mb_s=disk["write_mb_s"],
    )
    sizes = megavoxels(series)
    rows = []
    for disks in DISKS_MB_S:
        for nodes in NODES:
            site = Site(nodes=nodes, workers=WORKERS, disk_mb_s=disks)
            rows.append({**asdict(site), **asdict(simulate(sizes, costs, site))})
    return {
        "series": series,
        "costs": {name: round(value, 6) for name, value in asdict(costs).items()},
        "rows": [
            {k: round(v, 4) if isinstance(v, float) else v for k, v in row.items()} for row in rows
        ],
        "workers_that_fill": {
            str(disks): {k: round(v) for k, v in most_workers(sizes, costs, disks).items()}
            for disks in DISKS_MB_S
        },
    }


def measure(series: Path, options: argparse.Namespace) -> Json:
    """All of it."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        copies(series, place / "in", options.copies)
        side_by_side = take_turns(place / "in", place, options.turns)
        ledger = contention(place, options.series, options.seconds)
        disk = disk_rates(place)
        first = dcmread(next((place / "in" / "0").iterdir()), stop_before_pixels=True)
        voxels = first.Rows * first.Columns * len(list((place / "in" / "0").iterdir()))
    return {
        "voxels": int(voxels),
        "side_by_side": side_by_side,
        "ledger": ledger,
        "disk": disk,
        "simulation": simulations(side_by_side, ledger, disk, voxels, options.series),
    }


def main() -> int:
    """Measure, and write the result; 1 where a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("scan", type=Path, nargs="?", metavar="SERIES")
    parser.add_argument("--output", type=Path, metavar="FILE.json")
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier output")
    parser.add_argument("--copies", type=int, default=6, help="at least 4")
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("--series", type=int, default=SERIES, help="of the large ledger")
    parser.add_argument("--seconds", type=float, default=CONTENTION_S, help="of each contention")
    parser.add_argument("--single", type=Path, nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--worker", type=Path, nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.single:
        sys.stdout.write(json.dumps(single(*options.single)))
        return 0
    if options.worker:
        sys.stdout.write(json.dumps(worker(*options.worker)))
        return 0
    if options.scan is None or options.output is None:
        parser.error("name SERIES and --output")

    def work() -> int:
        check_file(options.output, options.overwrite, "output", source=options.scan)
        if options.copies < 2 * MOST_JOBS:
            raise MitsganError(f"give at least {2 * MOST_JOBS} copies, found {options.copies}")
        load = load_average()
        measured = measure(options.scan, options)
        bars = {
            "speedup": LEAST_SPEEDUP,
            "times_protect": MOST_TIMES_PROTECT,
            "overhead": MOST_OVERHEAD,
        }
        result = {
            **result_head("speed of an archive"),
            "scan": scan_name(options.scan),
            "machine": machine(),
            "load_average": load,
            "bars": bars,
            **measured,
        }
        write_json(options.output, result, overwrite=options.overwrite)
        rows = measured["side_by_side"]
        missed = rows["speedup"]["median"] < LEAST_SPEEDUP
        missed |= any(rows[name]["median"] > bars[name] for name in ("times_protect", "overhead"))
        return int(missed)

    return exit_code("archive_speed", work)


if __name__ == "__main__":
    sys.exit(main())
