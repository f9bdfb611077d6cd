"""The worker: takes series out of the ledger, one after the other, until nothing is left for it.

``python -m mitsgan.archive.worker LEDGER OWNER MEMORY_MB LEASE_SECONDS PARENT`` is what the engine
for this machine starts. Others call `work_through` or `work_on` in processes of their own.
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
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from types import FrameType

from mitsgan.archive.ledger import Ledger
from mitsgan.archive.plan import how_of
from mitsgan.archive.task import Task
from mitsgan.archive.work import Work
from mitsgan.errors import DataError, MitsganError
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


def work_through(
    ledger: Path,
    owner: str,
    memory_mb: float,
    lease_seconds: float,
    at_most: int | None = None,
) -> int:
    """Do series until none is open that fits into so much memory; how many were ended.

    Args:
        ledger: its file.
        owner: the name that the worker's leases carry.
        memory_mb: what it has.
        lease_seconds: for which a series is leased, and leased on.
        at_most: end after so many series, and where others hold all that is open; by default
            wait for what they may leave.

    Raises:
        DataError: the ledger cannot be read.
    """
    book = Ledger(ledger)
    ended = begun = 0
    try:
        work = work_of(book)
        while book.any_open(memory_mb) and begun != at_most:
            task = book.lease(owner, lease_seconds, memory_mb)
            if task is None:
                if at_most is not None:
                    break
                time.sleep(_WAIT)
                continue
            begun += 1
            ended += work_on(book, work, task, lease_seconds)
    except (Stopped, KeyboardInterrupt, SystemExit):
        book.let_go(owner)
        raise
    finally:
        book.close()
    return ended


def work_of(book: Ledger) -> Work:
    """What is done to the series of a ledger; weights and keys are loaded by the first."""
    trust, out = (None if path is None else Path(path) for path in map(book.plan, _PATHS))
    return Work(how_of(book), trust, out)


def work_on(book: Ledger, work: Work, task: Task, lease_seconds: float) -> bool:
    """Do a series that was leased, and enter its end; False where another has taken it over."""
    with _renewed(book.path, task, lease_seconds):
        outcome = work.do(task)
    ended = book.end(task, outcome)
    gc.collect()
    return ended


@contextmanager
def _renewed(ledger: Path, task: Task, seconds: float) -> Iterator[None]:
    """Renew the lease of a task in the background, as long as the work takes."""
    over = threading.Event()

    def renew() -> None:
        while not over.wait(seconds / 4):
            # A ledger that cannot be written now may be in time: else another does it as well.
            with suppress(DataError), closing(Ledger(ledger)) as book:
                book.renew(task, seconds)

    thread = threading.Thread(target=renew, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextmanager
def stoppable() -> Iterator[None]:
    """SIGTERM raises `Stopped` within. Afterwards it is ignored: the process is about to end."""
    signal.signal(signal.SIGTERM, _stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _stop(number: int, frame: FrameType | None) -> None:
    raise Stopped


def main() -> None:
    """Work, told by the arguments what on."""
    ledger, owner, memory_mb, lease_seconds, parent = sys.argv[1:]
    end_with_parent(int(parent))
    warnings.simplefilter("ignore")  # what libraries remark on headers is no news for anybody

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started it decides
    try:
        with stoppable():
            work_through(Path(ledger), owner, float(memory_mb), float(lease_seconds))
    except Stopped:
        sys.exit(143)
    except MitsganError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
