"""Ray as the engine, played: what becomes of what Ray reports of losses."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mitsgan.archive.engines.ray_tasks import MEMORY_RETRIES, RayTasks, do_series
from mitsgan.archive.ledger import Ledger
from mitsgan.archive.settings import RunSettings
from mitsgan.archive.task import ATTEMPTS


class OutOfMemoryError(Exception):
    pass


class RayError(Exception):
    pass


class PlayedRay:
    """What the engine calls of Ray; tasks run at once, here, or are lost in a way that is told."""

    exceptions = SimpleNamespace(OutOfMemoryError=OutOfMemoryError, RayError=RayError)

    def __init__(self, lose: Callable[..., None] | None = None) -> None:
        self.lose = lose
        self.asked_mb: list[float] = []
        self.cancelled: list[object] = []

    def remote(self, **options: object) -> Callable[[object], PlayedRay]:
        assert options["max_retries"] == 0
        return lambda function: self

    def options(self, *, num_cpus: int, num_gpus: float, memory: int) -> Any:
        self.asked_mb.append(memory / 1e6)
        return SimpleNamespace(remote=self._run)

    def _run(self, *values: Any) -> Any:
        run = self.lose or do_series
        reference = SimpleNamespace(error=None)
        try:
            run(*values)
        except (OutOfMemoryError, RayError) as error:
            reference.error = error
        return _Reference(reference.error)

    def wait(self, references: list[object], num_returns: int, timeout: float) -> Any:
        return references[:num_returns], references[num_returns:]

    def get(self, reference: _Reference) -> None:
        if reference.error is not None:
            raise reference.error

    def cancel(self, reference: object, force: bool) -> None:
        self.cancelled.append(reference)

    def nodes(self) -> list[dict[str, Any]]:
        return [{"Alive": True, "Resources": {"memory": 4e9}}]

    def shutdown(self) -> None:
        pass


class _Reference:
    def __init__(self, error: Exception | None) -> None:
        self.error = error


@pytest.fixture
def book(ledger: Path) -> Iterator[Ledger]:
    with closing(Ledger(ledger)) as opened:
        yield opened


def engine(book: Ledger, ray: PlayedRay) -> RayTasks:
    return RayTasks(RunSettings(ledger=book.path, engine="ray", jobs=1), book, ray)


def be_ready(book: Ledger) -> None:
    """Let what waits for its next attempt wait no longer."""
    with book._change() as db:
        db.execute("UPDATE tasks SET lease_until = 0 WHERE state = 'pending'")


def lose_after_its_lease(error: Exception) -> Callable[[str, int, str, float], None]:
    def lose(ledger: str, number: int, owner: str, lease_seconds: float) -> None:
        with closing(Ledger(Path(ledger))) as book:
            assert book.lease(owner, lease_seconds, math.inf, number) is not None
        raise error

    return lose


@pytest.mark.slow
def test_each_series_is_done_by_a_task_that_asks_for_its_forecast(book: Ledger) -> None:
    ray = PlayedRay()
    tasks = engine(book, ray)
    while book.open(tasks.memory_mb):
        tasks.look(0)
    assert book.counts() == {"done": 3}
    forecast = sorted((task.memory_mb for task in book.tasks()), reverse=True)
    assert ray.asked_mb == pytest.approx(forecast, abs=1)


def test_short_memory_goes_back_uncounted_and_asks_for_more(book: Ledger) -> None:
    ray = PlayedRay(lose_after_its_lease(OutOfMemoryError("short")))
    tasks = engine(book, ray)
    for _ in range(MEMORY_RETRIES):
        assert tasks.look(0) == 0
        assert all(task.attempts == 0 for task in book.tasks())
    assert ray.asked_mb == sorted(set(ray.asked_mb))
    assert tasks.look(0) == 1
    assert [task.failure for task in book.tasks()].count("resource") == 1


@pytest.mark.parametrize("leased", [True, False])
def test_a_lost_process_counts_as_an_attempt_even_before_its_lease(
    book: Ledger, leased: bool
) -> None:
    def lose_before(*values: object) -> None:
        raise RayError("no module named mitsgan")

    lost = RayError("node died")
    tasks = engine(book, PlayedRay(lose_after_its_lease(lost) if leased else lose_before))
    looks = 0
    while book.open(tasks.memory_mb):
        be_ready(book)
        tasks.look(0)
        looks += 1
        assert looks <= 3 * ATTEMPTS["infrastructure"], "it would go on for ever"
    assert {task.failure for task in book.tasks()} == {"infrastructure"}
    assert {task.attempts for task in book.tasks()} == {ATTEMPTS["infrastructure"]}


def test_what_hangs_is_cancelled_and_entered(book: Ledger) -> None:
    ray = PlayedRay(lose_after_its_lease(RayError("it hangs")))
    ray.wait = lambda references, num_returns, timeout: ([], references)  # type: ignore[method-assign]
    tasks = engine(book, ray)
    tasks.look(0)
    with book._change() as db:
        db.execute("UPDATE tasks SET started = started - 1e6 WHERE state = 'running'")
    tasks.look(0)
    assert len(ray.cancelled) == 1
    assert [task.failure for task in book.tasks()].count("resource") == 1


def test_a_stopped_engine_gives_back_what_it_has(book: Ledger) -> None:
    ray = PlayedRay(lose_after_its_lease(RayError("it is at work")))
    ray.wait = lambda references, num_returns, timeout: ([], references)  # type: ignore[method-assign]
    tasks = engine(book, ray)
    tasks.look(0)
    assert book.counts()["running"] == 1
    tasks.stop()
    assert book.counts() == {"pending": 3}
    assert all(task.attempts == 0 for task in book.tasks())
