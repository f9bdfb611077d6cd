"""The engine without any other program: processes on this machine, exchanged when they are lost."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from mitsgan.archive.engines.engine import Engine
from mitsgan.archive.engines.losses import end_hung, enter_loss
from mitsgan.archive.ledger import Ledger
from mitsgan.archive.settings import RunSettings
from mitsgan.archive.worker import owner_name
from mitsgan.errors import EngineError

_KILLED = -9
"""What a process answers that the system ended, most often since memory was short."""

_FALSE_STARTS = 5
"""Workers that end by an error of their own before they have a series, one after the other, from
which no other is started."""


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


class LocalProcesses:
    """Worker processes that take series by themselves."""

    def __init__(self, settings: RunSettings, ledger: Ledger) -> None:
        self.memory_mb = settings.memory_mb or 0.9 * _memory_mb() / settings.jobs
        self._settings, self._ledger = settings, ledger
        self._false_starts = 0
        count = min(settings.jobs, ledger.open(self.memory_mb))
        self.workers = [self._worker(number) for number in range(count)]

    def look(self, seconds: float) -> int:
        """Exchange workers that hang or have ended; how many series lost theirs."""
        lost = 0
        hung = end_hung(self._ledger, self._settings, {worker.owner for worker in self.workers})
        for place, worker in enumerate(self.workers):
            if worker.owner in hung:
                worker.process.kill()
                worker.process.wait()
            code = worker.process.poll()
            if code is not None:
                losses = self._enter_loss(worker, code)
                self._check_start(code, losses)
                lost += losses
                self.workers[place] = self._worker(place)
        time.sleep(seconds)
        return lost

    def stop(self) -> None:
        """Tell all workers to stop, and wait until they have."""
        for worker in self.workers:
            worker.process.terminate()
        for worker in self.workers:
            worker.process.wait()
            self._ledger.let_go(worker.owner)

    def _worker(self, number: int) -> _Worker:
        path, lease_seconds = self._settings.ledger.absolute(), self._settings.lease_seconds
        return _Worker(path, self.memory_mb, lease_seconds, number)

    def _check_start(self, code: int, losses: int) -> None:
        """Raise `EngineError` where workers do not even begin."""
        self._false_starts = self._false_starts + 1 if code > 0 and not losses else 0
        if self._false_starts >= _FALSE_STARTS:
            raise EngineError(
                f"{_FALSE_STARTS} workers in a row ended with exit code {code} before they had a "
                f"series; is {self._settings.ledger} still there, and does the same "
                "Python import mitsgan? Their errors stand above"
            )

    def _enter_loss(self, worker: _Worker, code: int) -> int:
        """Enter that a worker ended in the middle of a series; how many there were."""
        short = " (memory may have been short)" if code == _KILLED else ""
        reason = f"the worker ended with exit code {code}{short}"
        return enter_loss(self._ledger, worker.owner, reason)


@contextmanager
def local_processes(settings: RunSettings, ledger: Ledger) -> Iterator[Engine]:
    """As many workers as are wanted, told to stop when the block ends, whatever happens."""
    engine = LocalProcesses(settings, ledger)
    try:
        yield engine
    finally:
        engine.stop()


def _memory_mb() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e6
