"""What the ledger of a large archive gets through, and the disk: `archive_speed.py` asks."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from archive_simulation import megavoxels
from mitsgan.archive.ledger import Ledger
from mitsgan.archive.task import NewTask, Outcome

Json = dict[str, Any]

CONTENDERS = (1, 2, 4, 8)


def contend(ledger: Path, seconds: float) -> int:
    """Take series and enter their ends for so long, without work; how many transactions."""
    count = 0
    with closing(Ledger(ledger)) as book:
        end = time.monotonic() + seconds
        while not count or time.monotonic() < end:  # once at least, however slow the machine is
            task = book.lease(f"contender-{os.getpid()}", 600, 1e6)
            if task is None:
                break
            book.end(task, Outcome(text="nothing", seconds=1.0))
            count += 2
    return count


def contention(place: Path, series: int, seconds: float) -> list[Json]:
    """Transactions per second of a ledger of many series, by how many processes want it."""
    rows = []
    for processes in CONTENDERS:
        ledger = place / f"large-{processes}.db"  # of its own: a quick disk sees the end of one
        with closing(Ledger(ledger, create=True)) as book:
            book.enter(_many(series))
        command = [sys.executable, __file__, str(ledger), str(seconds)]
        started = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(processes)]
        counts = [int(process.communicate()[0]) for process in started]
        rows.append({"processes": processes, "per_second": round(sum(counts) / seconds, 1)})
    return rows


def _many(series: int) -> Sequence[NewTask]:
    return [
        NewTask(
            key=str(number),
            action="protect",
            source=f"/archive/{number}",
            series=f"1.2.{number}",
            output=Path(f"/out/{number}"),
            files=300,
            megabytes=2 * size,
            voxels=int(size * 1e6),
            memory_mb=1300.0,
        )
        for number, size in enumerate(megavoxels(series))
    ]


def disk_rates(place: Path, megabytes: int = 256) -> Json:
    """MB per second of files of half a megabyte, each on the disk before the next; then read.

    What was just written is read out of memory, so that reading shows what a fast disk would allow.
    """
    data = np.random.default_rng(0).bytes(1 << 19)
    folder = place / "files"
    folder.mkdir()
    start = time.perf_counter()
    for number in range(2 * megabytes):
        with (folder / str(number)).open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    written = time.perf_counter()
    for path in folder.iterdir():
        path.read_bytes()
    read = time.perf_counter()
    size = 2 * megabytes * len(data) / 1e6
    return {
        "write_mb_s": round(size / (written - start), 1),
        "read_mb_s": round(size / (read - written), 1),
    }


if __name__ == "__main__":
    sys.stdout.write(str(contend(Path(sys.argv[1]), float(sys.argv[2]))))
