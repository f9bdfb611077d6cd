"""Ray Core: a task for each series, on whichever node has room for it.

A task gets the ledger's path and a number, never an array. Ray keeps its processes, so weights and
keys are loaded once in each. Ray itself tries nothing again: which failures are tried again, and
how often, is the ledger's to say. Only what Ray ends because a node's memory is short goes back
uncounted a few times, with a larger demand, for that says little about the series.
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from mitsgan.archive.engines.engine import Engine
from mitsgan.archive.engines.losses import end_hung, enter_loss
from mitsgan.archive.ledger import Ledger
from mitsgan.archive.settings import RunSettings
from mitsgan.archive.task import Failure, Outcome, Task
from mitsgan.archive.work import Work
from mitsgan.archive.worker import owner_name, work_of, work_on
from mitsgan.errors import EngineError
from mitsgan.extras import require_extra

MEMORY_RETRIES = 3
"""How often a series that Ray ended for want of memory goes back uncounted."""

_MORE_MEMORY = 1.5
"""What it asks for then, as a multiple of the last demand."""

_SERIES_PER_PROCESS = 200
"""After so many a process is exchanged, as against leaks of libraries."""

_MODE, _TOKEN = "RAY_AUTH_MODE", "token"


@dataclass(frozen=True)
class _Flight:
    """A series that Ray has, and the name that its lease carries."""

    number: int
    owner: str


class RayTasks:
    """As many series in Ray's hands as processes are wanted, the largest first."""

    def __init__(self, settings: RunSettings, ledger: Ledger, ray: Any) -> None:
        """Prepare.

        Args:
            settings: of the run.
            ledger: what is to be done.
            ray: the package, connected to a cluster.
        """
        self._settings, self._ledger, self._ray = settings, ledger, ray
        self._flights: dict[Any, _Flight] = {}
        self._short: Counter[int] = Counter()
        self._begun = 0
        self._task = ray.remote(max_retries=0, max_calls=_SERIES_PER_PROCESS)(do_series)
        self.memory_mb = self._largest_mb()

    def look(self, seconds: float) -> int:
        """Hand on what waits, and take in what has ended; how many series lost their process."""
        owners = {flight.owner for flight in self._flights.values()}
        hung = end_hung(self._ledger, self._settings, owners)
        for ref in [ref for ref, flight in self._flights.items() if flight.owner in hung]:
            self._ray.cancel(ref, force=True)
            del self._flights[ref]
        self._hand_on()
        if not self._flights:
            time.sleep(seconds)
            return 0
        ended, _ = self._ray.wait(list(self._flights), num_returns=1, timeout=seconds)
        return sum(self._take_in(ref, self._flights.pop(ref)) for ref in ended)

    def stop(self) -> None:
        """Take everything out of Ray's hands, and leave the cluster."""
        for ref in self._flights:
            self._ray.cancel(ref, force=True)
        self._ray.shutdown()
        for flight in self._flights.values():
            self._ledger.let_go(flight.owner)

    def _hand_on(self) -> None:
        room = self._settings.jobs - len(self._flights)
        flying = {flight.number for flight in self._flights.values()}
        limit = self._settings.jobs + len(flying)
        waiting = self._ledger.waiting(self.memory_mb, limit) if room else []
        for task in [task for task in waiting if task.id not in flying][:room]:
            self._begun += 1
            flight = _Flight(task.id, owner_name(self._begun))
            ref = self._task.options(
                num_cpus=1, num_gpus=self._settings.gpus, memory=int(self._demand_mb(task) * 1e6)
            ).remote(
                str(self._ledger.path.absolute()),
                *(flight.number, flight.owner, self._settings.lease_seconds),
            )
            self._flights[ref] = flight

    def _demand_mb(self, task: Task) -> float:
        first = self._settings.memory_mb or task.memory_mb
        return min(first * _MORE_MEMORY ** self._short[task.id], self.memory_mb)

    def _take_in(self, ref: Any, flight: _Flight) -> int:
        """Enter what went wrong outside of the series; how many lost their process."""
        errors = self._ray.exceptions
        try:
            self._ray.get(ref)
        except errors.OutOfMemoryError:
            self._short[flight.number] += 1
            if self._short[flight.number] <= MEMORY_RETRIES:
                self._ledger.let_go(flight.owner)
                return 0
            return self._enter(flight, "Ray ended it: memory of the node was short", "resource")
        except errors.RayError as error:
            self.memory_mb = self._largest_mb()  # it may have been the largest node
            reason = f"Ray lost it ({type(error).__name__}): {_first_line(error)}"
            return self._enter(flight, reason, "infrastructure")
        return 0

    def _enter(self, flight: _Flight, reason: str, failure: Failure) -> int:
        lost = enter_loss(self._ledger, flight.owner, reason, failure)
        if lost:
            return lost
        # It did not come as far as its lease. Were that not counted, it would go on for ever.
        task = self._ledger.lease(
            flight.owner, self._settings.lease_seconds, math.inf, flight.number
        )
        if task is None:
            return 0
        return int(self._ledger.end(task, Outcome(failure=failure, reason=reason)))

    def _largest_mb(self) -> float:
        nodes = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        largest = max((node.get("memory", 0.0) / 1e6 for node in nodes), default=0.0)
        return min(largest, self._settings.memory_mb or math.inf)


def do_series(ledger: str, number: int, owner: str, lease_seconds: float) -> bool:
    """What runs on a node: do one series of a ledger; False where another run has it."""
    book = Ledger(Path(ledger))
    try:
        task = book.lease(owner, lease_seconds, math.inf, number)
        return task is not None and work_on(book, _work(ledger), task, lease_seconds)
    finally:
        book.close()


@lru_cache(maxsize=1)
def _work(ledger: str) -> Work:
    """One for each process; a process of Ray serves one run only."""
    book = Ledger(Path(ledger))
    try:
        return work_of(book)
    finally:
        book.close()


@contextmanager
def ray_tasks(settings: RunSettings, ledger: Ledger) -> Iterator[Engine]:
    """Connect to the Ray cluster that RAY_ADDRESS names, or that this machine belongs to.

    Raises:
        MissingExtraError: Ray is not installed.
        EngineError: there is no cluster, or it lets everybody in.
    """
    require_extra("ray", "the engine needs", ["ray"])
    engine = RayTasks(settings, ledger, _connected())
    try:
        yield engine
    finally:
        engine.stop()


def _connected() -> Any:
    """Ray, connected by token."""
    os.environ.setdefault(_MODE, _TOKEN)  # Ray reads it once, when it is first imported
    import ray

    if os.environ[_MODE] != _TOKEN:
        raise EngineError(
            f"Ray runs the code of whoever reaches it; set {_MODE}={_TOKEN} here and where the "
            f"cluster is started, found {os.environ[_MODE]}"
        )
    try:
        ray.init(address="auto", log_to_driver=False, configure_logging=False)
    except (ConnectionError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        raise EngineError(
            f"no Ray cluster can be used ({_first_line(error)}); start one by "
            f"`{_MODE}={_TOKEN} ray start --head`, and have its token in ~/.ray/auth_token"
        ) from error
    if _lets_everybody_in(ray.get_runtime_context().gcs_address):
        ray.shutdown()
        raise EngineError(
            "this Ray cluster runs the code of whoever reaches it, for it asks for no token; "
            f"start all its nodes with {_MODE}={_TOKEN}"
        )
    return ray


def _lets_everybody_in(address: str) -> bool:
    """Whether a cluster answers to somebody without its token."""
    check = subprocess.run(
        [sys.executable, "-m", "ray.scripts.scripts", "health-check", "--address", address],
        env={**os.environ, _MODE: "disabled"},
        capture_output=True,
        check=False,
    )
    return check.returncode == 0


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
