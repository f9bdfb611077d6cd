"""The worker: takes series out of the ledger, one after the other, until nothing is left for it.

``python -m mitsgan.archive.worker LEDGER OWNER MEMORY_MB LEASE_SECONDS`` is what the engine for
this machine starts. Any other engine calls `work_through` in a process of its own.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from mitsgan.archive.ledger import Ledger
from mitsgan.archive.plan import how_of
from mitsgan.archive.task import Task
from mitsgan.archive.work import Work
from mitsgan.processes import end_with_parent

_PATHS = ("trust", "out")
"""Of a plan: whom to believe seals, and where outputs go."""

_WAIT = 0.5
"""Seconds between looks into the ledger, while others hold what is left."""


class Stopped(BaseException):
    """The worker was told to stop."""


def owner_name(number: int = 0) -> str:
    """A name for a worker that no other one has."""
    return f"{socket.gethostname()}-{os.getpid()}-{number}-{time.time_ns():x}"


def work_through(ledger: Path, owner: str, memory_mb: float, lease_seconds: float) -> int:
    """Do series until none is open that fits into so much memory; how many were ended.

    Raises:
        DataError: the ledger cannot be read.
    """
    book = Ledger(ledger)
    ended = 0
    try:
        trust, out = (None if path is None else Path(path) for path in map(book.plan, _PATHS))
        work = Work(how_of(book), trust, out)
        while book.any_open(memory_mb):
            task = book.lease(owner, lease_seconds, memory_mb)
            if task is None:
                time.sleep(_WAIT)
                continue
            with _renewed(ledger, task, lease_seconds):
                outcome = work.do(task)
            ended += book.end(task, outcome)
            gc.collect()
    except (Stopped, KeyboardInterrupt):
        book.let_go(owner)
        raise
    finally:
        book.close()
    return ended


@contextmanager
def _renewed(ledger: Path, task: Task, seconds: float) -> Iterator[None]:
    """Renew the lease of a task in the background, as long as the work takes."""
    over = threading.Event()

    def renew() -> None:
        book = Ledger(ledger)
        while not over.wait(seconds / 4):
            book.renew(task, seconds)
        book.close()

    thread = threading.Thread(target=renew, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def main() -> None:
    """Work, told by the arguments what on."""
    ledger, owner, memory_mb, lease_seconds, parent = sys.argv[1:]
    end_with_parent(int(parent))
    warnings.simplefilter("ignore")  # what libraries remark on headers is no news for anybody

    def stop(number: int, frame: FrameType | None) -> None:
        raise Stopped

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started it decides
    try:
        work_through(Path(ledger), owner, float(memory_mb), float(lease_seconds))
    except Stopped:
        sys.exit(143)


if __name__ == "__main__":
    main()
