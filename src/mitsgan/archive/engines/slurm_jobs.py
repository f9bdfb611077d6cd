"""Slurm, by submitit: arrays of jobs, each of which takes series out of the ledger.

A job does so many series and ends; it leaves the choice of series to the ledger, so a job that is
requeued, or that goes on although its node counts as lost, does no series twice. Series of like
forecasts share an array, which asks for their memory. Arrays are submitted anew while series wait.
"""

from __future__ import annotations

import math
import os
import secrets
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mitsgan.archive.engines.engine import Engine
from mitsgan.archive.engines.losses import end_hung, enter_loss
from mitsgan.archive.ledger import Ledger
from mitsgan.archive.settings import RunSettings
from mitsgan.archive.task import Task
from mitsgan.archive.worker import Stopped, owner_name, stoppable, work_through
from mitsgan.errors import EngineError
from mitsgan.extras import require_extra

ASK_SECONDS = 5.0
"""Between questions to Slurm about jobs, which all users of a cluster share."""

_STEP_MB = 1024
"""Demands for memory are rounded up to this."""

_IDLE_ARRAYS = 3
"""So many arrays in which no series was even begun: jobs do not work there."""

_MOST_JOBS = 1000
"""In one array; Slurm's own limit, unless a site sets another."""

_TIMEOUTS = 1000
"""How often a job may reach its time limit and go on later; each time it does some series."""


@dataclass(frozen=True)
class SeriesJob:
    """What runs on a node: so many series of a ledger."""

    ledger: Path
    memory_mb: float
    lease_seconds: float
    chunk: int

    def __call__(self) -> int:
        """Do them; how many were ended."""
        owner = f"{os.environ.get('SLURM_JOB_ID', '')}@{owner_name()}"
        how = (self.memory_mb, self.lease_seconds, self.chunk)
        try:
            with stoppable():
                return work_through(self.ledger, owner, *how)
        except Stopped:
            return 0

    def checkpoint(self) -> Any:
        """Before the time limit, or when another job is preferred: the same once more."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


class SlurmJobs:
    """Arrays of jobs, and what became of each."""

    def __init__(self, settings: RunSettings, ledger: Ledger, executor: Any) -> None:
        """Prepare.

        Args:
            settings: of the run.
            ledger: what is to be done.
            executor: submitit's, of Slurm.
        """
        self._settings, self._ledger, self._executor = settings, ledger, executor
        self._name = f"mitsgan-{secrets.token_hex(4)}"
        self._known: set[str] = set()
        self._asked, self._attempts, self._idle = -math.inf, -1, 0
        self.memory_mb = settings.memory_mb or _largest_mb()

    def look(self, seconds: float) -> int:
        """Submit what waits, cancel what hangs; how many series lost their job."""
        lost = 0
        if time.monotonic() - self._asked > ASK_SECONDS:
            self._asked = time.monotonic()
            alive = self._alive()
            if alive is not None:
                lost = self._enter_losses(alive)
                if not alive and self._ledger.waiting(self.memory_mb, 1):
                    self._submit()
        time.sleep(seconds)
        return lost

    def stop(self) -> None:
        """Cancel all jobs, and wait until they have given back what they had."""
        _answer(["scancel", "--name", self._name])
        end = time.monotonic() + 60
        while self._alive() and time.monotonic() < end:
            time.sleep(0.5)
        for owner in self._owners():
            self._ledger.let_go(owner)

    def _alive(self) -> set[str] | None:
        """Numbers of jobs that are queued or run; None where Slurm does not answer."""
        text = _answer(["squeue", "--noheader", "--array", "--name", self._name, "--format", "%A"])
        if text is None:
            return None
        alive = set(text.split())
        self._known |= alive
        return alive

    def _owners(self) -> set[str]:
        """Of our jobs, those that have a series."""
        running = {task.owner for task in self._ledger.tasks("running")}
        return {owner for owner in running if owner.partition("@")[0] in self._known}

    def _enter_losses(self, alive: set[str]) -> int:
        jobs = {owner: owner.partition("@")[0] for owner in self._owners()}
        at_work = {owner for owner, job in jobs.items() if job in alive}
        for owner in end_hung(self._ledger, self._settings, at_work):
            _answer(["scancel", jobs[owner]])
        return sum(
            enter_loss(self._ledger, owner, f"Slurm's job {jobs[owner]} ended")
            for owner in jobs.keys() - at_work
        )

    def _submit(self) -> None:
        """An array for each demand of memory, with as many jobs as its series make chunks."""
        self._check_progress()
        settings = self._settings
        demands = Counter(
            self._demand_mb(task) for task in self._ledger.waiting(self.memory_mb, -1)
        )
        for memory_mb, series in sorted(demands.items()):
            jobs = min(math.ceil(series / settings.chunk), _MOST_JOBS)
            self._executor.update_parameters(
                job_name=self._name,
                mem=f"{memory_mb}MB",
                cpus_per_task=1,
                time=math.ceil(2 * settings.timeout_minutes),
                array_parallelism=settings.jobs,
                additional_parameters={"requeue": True},
                **({"gpus_per_task": int(settings.gpus)} if settings.gpus else {}),
            )
            job = SeriesJob(
                *(settings.ledger.absolute(), memory_mb, settings.lease_seconds, settings.chunk)
            )
            self._send([job] * jobs)

    def _demand_mb(self, task: Task) -> int:
        steps = math.ceil((self._settings.memory_mb or task.memory_mb) / _STEP_MB)
        return int(min(steps * _STEP_MB, self.memory_mb))

    def _send(self, jobs: Sequence[SeriesJob]) -> None:
        from submitit.core.utils import FailedJobError

        try:
            with self._executor.batch():
                for job in jobs:  # an object each, for submitit asks it for its `checkpoint`
                    self._executor.submit(job)
        except (FailedJobError, OSError) as error:
            raise EngineError(f"Slurm does not take the jobs: {str(error).strip()}") from error

    def _check_progress(self) -> None:
        attempts = sum(task.attempts for task in self._ledger.tasks())
        self._idle = self._idle + 1 if attempts == self._attempts else 0
        self._attempts = attempts
        if self._idle >= _IDLE_ARRAYS:
            raise EngineError(
                "Slurm's jobs end without beginning a series; why stands in "
                f"{self._executor.folder}"
            )


@contextmanager
def slurm_jobs(settings: RunSettings, ledger: Ledger) -> Iterator[Engine]:
    """Submit from this machine; jobs write their logs into LEDGER.slurm, beside the ledger.

    Raises:
        MissingExtraError: submitit is not installed.
        EngineError: this machine cannot submit jobs.
    """
    require_extra("slurm", "the engine needs", ["submitit"])
    import submitit

    for program in ("sbatch", "srun", "squeue", "scancel"):
        if shutil.which(program) is None:
            raise EngineError(f"there is no {program} here; run this where Slurm takes jobs")
    folder = settings.ledger.absolute().with_name(f"{settings.ledger.name}.slurm")
    executor = submitit.SlurmExecutor(folder=folder, max_num_timeout=_TIMEOUTS)
    engine = SlurmJobs(settings, ledger, executor)
    try:
        yield engine
    finally:
        engine.stop()


def _largest_mb() -> float:
    """Memory of the largest node, as Slurm is told."""
    text = _answer(["sinfo", "--noheader", "--format", "%m"])
    sizes = [float(word.rstrip("+")) for word in (text or "").split()]
    if not sizes:
        raise EngineError("Slurm does not answer; is its controller running?")
    return max(sizes)


def _answer(command: list[str]) -> str | None:
    """What a program of Slurm says, or None where it fails: its controller may be back later."""
    try:
        run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    except subprocess.TimeoutExpired:
        return None
    return run.stdout if run.returncode == 0 else None
