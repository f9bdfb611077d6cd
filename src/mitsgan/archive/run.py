"""Run what is planned on this machine: workers started, watched, exchanged when they are lost."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from mitsgan import __version__
from mitsgan.archive.ledger import Ledger
from mitsgan.archive.metrics import write_metrics
from mitsgan.archive.plan import how_of
from mitsgan.archive.settings import RunSettings
from mitsgan.archive.task import Outcome
from mitsgan.archive.worker import owner_name
from mitsgan.progress import Phases, Progress, silent
from mitsgan.result import Result

_LOOK_SECONDS, _METRICS_SECONDS = 0.3, 5.0
_KILLED = -9
"""What a process answers that the system ended, most often since memory was short."""


@dataclass(frozen=True, kw_only=True)
class Ran(Result):
    """What a run came to.

    Attributes:
        ledger: its file.
        done, failed: how many series ended so in this run.
        left: how many are still open, since they need more memory than a worker had.
        hours: it took.
        lost: workers that ended in the middle of a series.
    """

    KIND: ClassVar[str] = "archive run"

    version: str = __version__
    ledger: str
    done: int
    failed: int
    left: int
    hours: float
    lost: int


@dataclass
class _Worker:
    """A process, and the name that its leases carry."""

    ledger: Path
    memory_mb: float
    lease_seconds: float
    number: int
    owner: str = field(init=False)
    process: subprocess.Popen[bytes] = field(init=False)

    def __post_init__(self) -> None:
        self.owner = owner_name(self.number)
        values = (self.ledger, self.owner, self.memory_mb, self.lease_seconds, os.getpid())
        self.process = subprocess.Popen(
            [sys.executable, "-m", "mitsgan.archive.worker", *map(str, values)],
            env={**os.environ, "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )


def run_archive(settings: RunSettings, *, progress: Progress = silent) -> Ran:
    """Do all series of a ledger that are open, in processes on this machine.

    A run may be killed at any moment: the same call goes on, and so may a run elsewhere, at the
    same time. To stop it, raise an exception out of ``progress``.

    Raises:
        DataError: the ledger cannot be read.
        OutputError: the metrics cannot be written.
    """
    start = time.monotonic()
    memory_mb = settings.memory_mb or 0.9 * _memory_mb() / settings.jobs
    ledger = Ledger(settings.ledger)
    try:
        how_of(ledger)
        before, lost = ledger.counts(), 0
        with _workers(settings, memory_mb, ledger) as workers:
            lost = _watch(settings, memory_mb, ledger, workers, progress)
        after = ledger.counts()
        if settings.metrics is not None:
            write_metrics(ledger, settings.metrics)
        return Ran(
            ledger=str(settings.ledger),
            done=after.get("done", 0) - before.get("done", 0),
            failed=after.get("failed", 0) - before.get("failed", 0),
            left=after.get("pending", 0) + after.get("running", 0),
            hours=round((time.monotonic() - start) / 3600, 4),
            lost=lost,
        )
    finally:
        ledger.close()


@contextmanager
def _workers(settings: RunSettings, memory_mb: float, ledger: Ledger) -> Iterator[list[_Worker]]:
    """As many workers as are wanted, told to stop when the block ends, whatever happens."""
    count = min(settings.jobs, ledger.open(memory_mb))
    workers = [
        _Worker(settings.ledger.absolute(), memory_mb, settings.lease_seconds, number)
        for number in range(count)
    ]
    try:
        yield workers
    finally:
        for worker in workers:
            worker.process.terminate()
        for worker in workers:
            worker.process.wait()
            ledger.let_go(worker.owner)


def _watch(
    settings: RunSettings,
    memory_mb: float,
    ledger: Ledger,
    workers: list[_Worker],
    progress: Progress,
) -> int:
    """Tell how far it is, and exchange workers that are lost, until nothing is open."""
    lost, written, ends = 0, 0.0, -1
    counts = ledger.counts()
    total = ledger.open(memory_mb)
    ended = counts.get("done", 0) + counts.get("failed", 0)
    with Phases(progress).phase("run", "series") as step:
        while ledger.open(memory_mb):
            counts = ledger.counts()
            done = counts.get("done", 0) + counts.get("failed", 0) - ended
            if done != ends:
                ends = done
                step(done, total, f"{counts.get('failed', 0)} failed so far")
            for place, worker in enumerate(workers):
                _end_if_hung(ledger, worker, settings.timeout_minutes * 60)
                code = worker.process.poll()
                if code is not None:
                    lost += _enter_loss(ledger, worker, code)
                    workers[place] = _Worker(
                        *(worker.ledger, memory_mb, settings.lease_seconds, place)
                    )
            if settings.metrics is not None and time.monotonic() - written > _METRICS_SECONDS:
                written = time.monotonic()
                write_metrics(ledger, settings.metrics)
            time.sleep(_LOOK_SECONDS)
        step(total, total)
    return lost


def _end_if_hung(ledger: Ledger, worker: _Worker, seconds: float) -> None:
    for task in ledger.of_owner(worker.owner):
        if time.time() - task.started > seconds:
            reason = f"not done within {seconds / 60:g} minutes"
            ledger.end(task, Outcome(failure="resource", reason=reason, seconds=seconds))
            worker.process.kill()
            worker.process.wait()


def _enter_loss(ledger: Ledger, worker: _Worker, code: int) -> int:
    """Enter that a worker ended in the middle of a series; how many there were."""
    tasks = ledger.of_owner(worker.owner)
    for task in tasks:
        short = " (memory may have been short)" if code == _KILLED else ""
        reason = f"the worker ended with exit code {code}{short}"
        ledger.end(task, Outcome(failure="infrastructure", reason=reason))
    return len(tasks)


def _memory_mb() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e6
