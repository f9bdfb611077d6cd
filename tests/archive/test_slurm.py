"""Slurm as the engine: two real daemons where they are installed, and what happens to jobs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from archive_peers import SlurmNodes
from mitsgan.archive.engines import slurm_jobs
from mitsgan.archive.engines.slurm_jobs import SeriesJob, SlurmJobs
from mitsgan.archive.ledger import Ledger
from mitsgan.archive.report import archive_report
from mitsgan.archive.settings import RunSettings
from mitsgan.errors import EngineError
from node_peers import wait_for

pytestmark = pytest.mark.skipif(find_spec("submitit") is None, reason="submitit is not installed")

needs_slurm = pytest.mark.skipif(
    not SlurmNodes.there(), reason="Slurm's daemons are not installed, or this is not root"
)


def command(ledger: Path) -> list[str]:
    options = ["--ledger", str(ledger), "--engine", "slurm", "--jobs", "2", "--chunk", "1"]
    return [sys.executable, "-m", "mitsgan", "archive", "run", *options, "--quiet"]


@needs_slurm
@pytest.mark.slow
def test_a_killed_node_loses_nothing(ledger: Path, begun: Callable[[], bool]) -> None:
    with closing(SlurmNodes()) as cluster:
        options = ["--lease-seconds", "20"]
        run = subprocess.Popen([*command(ledger), *options], env=cluster.environment)
        wait_for(lambda: begun() or run.poll() is not None, 180, "a series is begun")
        cluster.kill_node()
        assert run.wait() == 0
    assert archive_report(ledger).states == {"done": 3}


def test_without_slurm_it_says_where_to_run(ledger: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "PATH": str(tmp_path)}
    run = subprocess.run(command(ledger), env=environment, capture_output=True, text=True)
    assert run.returncode == 2
    assert "no sbatch here" in run.stderr


class PlayedExecutor:
    """What the engine calls of submitit; jobs run here when Slurm is next asked for them."""

    folder = "logs"

    def __init__(self) -> None:
        self.parameters: list[dict[str, Any]] = []
        self.jobs: list[SeriesJob] = []

    def update_parameters(self, **parameters: Any) -> None:
        self.parameters.append(parameters)

    @contextmanager
    def batch(self) -> Iterator[None]:
        yield

    def submit(self, job: SeriesJob) -> None:
        self.jobs.append(job)


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Slurm with a node of 4 GB and no job that lives, unless told otherwise."""
    slurm = SimpleNamespace(alive="", commands=[])

    def answer(command: list[str]) -> str:
        slurm.commands.append(command)
        return {"sinfo": "4000\n", "squeue": str(slurm.alive)}.get(command[0], "")

    monkeypatch.setattr(slurm_jobs, "_answer", answer)
    monkeypatch.setattr(slurm_jobs, "ASK_SECONDS", 0.0)
    return slurm


def engine(book: Ledger, executor: PlayedExecutor, **settings: Any) -> SlurmJobs:
    run = RunSettings(ledger=book.path, engine="slurm", **settings)
    return SlurmJobs(run, book, executor)


def test_an_array_has_a_job_for_each_chunk(ledger: Path, played: SimpleNamespace) -> None:
    executor = PlayedExecutor()
    with closing(Ledger(ledger)) as book:
        engine(book, executor, jobs=5, chunk=2).look(0)
    assert [job.chunk for job in executor.jobs] == [2, 2]
    assert executor.parameters[0]["mem"] == "1024MB"
    assert executor.parameters[0]["array_parallelism"] == 5
    assert executor.parameters[0]["additional_parameters"] == {"requeue": True}


@pytest.fixture
def _own_signals() -> Iterator[None]:
    """Jobs set what ends them; here that is put back."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.slow
@pytest.mark.usefixtures("_own_signals")
def test_jobs_do_their_chunk_and_can_be_requeued(ledger: Path) -> None:
    job = SeriesJob(ledger, 4000, 60, 2)
    assert job() == 2
    again = job.checkpoint()
    assert again.function() == 1
    assert archive_report(ledger).states == {"done": 3}


def test_a_series_of_a_job_that_ended_is_entered_as_lost(
    ledger: Path, played: SimpleNamespace
) -> None:
    with closing(Ledger(ledger)) as book:
        jobs = engine(book, PlayedExecutor())
        played.alive = "7\n8\n"
        assert jobs.look(0) == 0
        book.lease("7@node", 60, 4000)
        book.lease("9@of-another-run", 60, 4000)
        played.alive = "8\n"
        assert jobs.look(0) == 1
        assert [task.owner for task in book.tasks("running")] == ["9@of-another-run"]


def test_jobs_that_begin_nothing_end_the_run(ledger: Path, played: SimpleNamespace) -> None:
    with closing(Ledger(ledger)) as book:
        jobs = engine(book, PlayedExecutor())
        for _ in range(3):
            jobs.look(0)
        with pytest.raises(EngineError, match="without beginning a series"):
            jobs.look(0)


def test_a_job_that_hangs_is_cancelled(ledger: Path, played: SimpleNamespace) -> None:
    with closing(Ledger(ledger)) as book:
        jobs = engine(book, PlayedExecutor())
        played.alive = "7\n"
        jobs.look(0)
        book.lease("7@node", 60, 4000)
        with book._change() as db:
            db.execute("UPDATE tasks SET started = started - 1e6 WHERE state = 'running'")
        jobs.look(0)
        assert ["scancel", "7"] in played.commands
        assert [task.failure for task in book.tasks()].count("resource") == 1
