"""Run what is planned: workers by an engine, watched until nothing is open."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import ClassVar

from mitsgan import __version__
from mitsgan.archive.engines.engine import Engine
from mitsgan.archive.forecast import in_words
from mitsgan.archive.ledger import Ledger
from mitsgan.archive.metrics import write_metrics
from mitsgan.archive.plan import how_of
from mitsgan.archive.settings import RunSettings
from mitsgan.progress import Phases, Progress, silent
from mitsgan.result import Result

_LOOK_SECONDS, _METRICS_SECONDS, _PACE_SECONDS = 0.3, 5.0, 2.0
_FEW, _LITTLE = 20, 0.05
"""Series, and the part of all voxels, from which on their pace is that of the others."""


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


def run_archive(settings: RunSettings, *, progress: Progress = silent) -> Ran:
    """Do all series of a ledger that are open, by the engine that the settings name.

    A run may be killed at any moment: the same call goes on, and so may a run elsewhere, at the
    same time. To stop it, raise an exception out of ``progress``.

    Raises:
        DataError: the ledger cannot be read.
        OutputError: the metrics cannot be written.
        MissingExtraError: the engine's packages are not installed.
        EngineError: the engine is not there, or does not work.
    """
    start = time.monotonic()
    ledger = Ledger(settings.ledger)
    try:
        how_of(ledger)
        before = ledger.counts()
        with _started(settings, ledger) as engine:
            lost = _watch(settings, ledger, engine, progress)
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


def _watch(settings: RunSettings, ledger: Ledger, engine: Engine, progress: Progress) -> int:
    """Tell how far it is until nothing is open; how many series lost their worker."""
    lost, written, ends = 0, 0.0, -1
    begin, voxels = time.monotonic(), ledger.open_voxels(engine.memory_mb)
    pace, told = "", -_PACE_SECONDS
    counts = ledger.counts()
    total = ledger.open(engine.memory_mb)
    ended = counts.get("done", 0) + counts.get("failed", 0)
    with Phases(progress).phase("run", "series") as step:
        while ledger.any_open(engine.memory_mb):
            counts = ledger.counts()
            done = counts.get("done", 0) + counts.get("failed", 0) - ended
            if done != ends:
                ends = done
                took = time.monotonic() - begin
                if took - told > _PACE_SECONDS:
                    told = took
                    pace = _pace(done, took, voxels, ledger.open_voxels(engine.memory_mb))
                step(done, total, f"{pace}{counts.get('failed', 0)} failed so far")
            if settings.metrics is not None and time.monotonic() - written > _METRICS_SECONDS:
                written = time.monotonic()
                write_metrics(ledger, settings.metrics)
            lost += engine.look(_LOOK_SECONDS)
        step(total, total)
    return lost


def _pace(done: int, seconds: float, voxels: int, left: int) -> str:
    """How fast a run is, and how long it has to go by the voxels that are left of all it had."""
    if not done or left >= voxels:
        return ""
    pace = f"{60 * done / seconds:.3g} series a minute, "
    if done < _FEW and voxels - left < _LITTLE * voxels:
        return pace  # the start of workers took longer than these, and says nothing of the others
    to_go = seconds * left / (voxels - left) / 3600
    return f"{pace}about {in_words(to_go)} left, "


def _started(settings: RunSettings, ledger: Ledger) -> AbstractContextManager[Engine]:
    """The engine of a run; when the block ends, its workers stop and give back what they have.

    Raises:
        MissingExtraError: its packages are not installed.
        EngineError: it is not there, or must not be used as it is.
    """
    if settings.engine == "ray":
        from mitsgan.archive.engines.ray_tasks import ray_tasks

        return ray_tasks(settings, ledger)
    if settings.engine == "slurm":
        from mitsgan.archive.engines.slurm_jobs import slurm_jobs

        return slurm_jobs(settings, ledger)
    from mitsgan.archive.engines.local import local_processes

    return local_processes(settings, ledger)
