"""What an engine is: it keeps workers at the series of a ledger, here or elsewhere."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from mitsgan.archive.ledger import Ledger
from mitsgan.archive.settings import RunSettings


class Engine(Protocol):
    """Workers over a ledger. What becomes of a series stands in the ledger, never in an engine."""

    memory_mb: float
    """What the largest series may need that it can do."""

    def look(self, seconds: float) -> int:
        """Keep workers at work, and enter which are lost.

        Args:
            seconds: to take for it at most, unless workers have to be started.

        Returns:
            How many series have lost their worker.

        Raises:
            EngineError: it does not work, and waiting would not help.
        """


def started(settings: RunSettings, ledger: Ledger) -> AbstractContextManager[Engine]:
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
