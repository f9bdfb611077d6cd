"""Work off the request's thread, one piece at a time: with progress, and to be cancelled."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any, Literal

from mitsgan.errors import MitsganError, SettingsError
from mitsgan.progress import Progress

State = Literal["waiting", "running", "done", "failed", "cancelled"]
Work = Callable[[Progress], dict[str, Any]]

_MOST_WAITING = 8
_MOST_KEPT = 64

_log = logging.getLogger(__name__)


class Cancelled(Exception):  # noqa: N818 - it is no error
    """Raised in the work to stop it; what it had begun is cleaned up on the way."""


@dataclass
class Task:
    """A piece of work, as the page is told of it.

    Attributes:
        id: under which the page asks for it.
        what: is done, for people.
        state: where it stands.
        phase, done, total, note: see `mitsgan.progress.Progress`.
        result: what it came to, once it is done.
        error: what went wrong, in words, where it failed.
    """

    what: str
    id: str = field(default_factory=lambda: token_hex(8))
    state: State = "waiting"
    phase: str = ""
    done: int = 0
    total: int = 0
    note: str = ""
    result: dict[str, Any] | None = None
    error: str = ""
    stop: threading.Event = field(default_factory=threading.Event)

    def card(self) -> dict[str, Any]:
        """For the page."""
        names = ("id", "what", "state", "phase", "done", "total", "note", "result", "error")
        return {name: getattr(self, name) for name in names}

    def progress(self, phase: str, done: int, total: int, /, note: str = "") -> None:
        """A `Progress`; raises `Cancelled` once the task is to stop."""
        if self.stop.is_set():
            raise Cancelled
        self.phase, self.done, self.total, self.note = phase, done, total, note

    @property
    def over(self) -> bool:
        """Whether nothing more becomes of it."""
        return self.state in ("done", "failed", "cancelled")


class Worker:
    """Does tasks one after the other, in a thread of its own."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="studio")
        self._tasks: dict[str, Task] = {}
        self._lock = threading.Lock()

    def start(self, what: str, work: Work) -> Task:
        """Queue a piece of work.

        Raises:
            SettingsError: too much waits already.
        """
        task = Task(what)
        with self._lock:
            if sum(not other.over for other in self._tasks.values()) >= _MOST_WAITING:
                raise SettingsError(
                    f"{_MOST_WAITING} pieces of work wait already; wait for one, or cancel it"
                )
            self._tasks[task.id] = task
            over = [number for number, other in self._tasks.items() if other.over]
            for number in over[: max(len(self._tasks) - _MOST_KEPT, 0)]:
                del self._tasks[number]
        self._pool.submit(self._run, task, work)
        return task

    def get(self, number: str) -> Task | None:
        """The task of an id, if it is known still."""
        return self._tasks.get(number)

    def running(self) -> list[Task]:
        """All tasks that are not over, in order."""
        with self._lock:
            return [task for task in self._tasks.values() if not task.over]

    def cancel(self, task: Task) -> None:
        """Stop a task at its next step, or before it begins."""
        task.stop.set()

    def stop(self) -> None:
        """Stop all tasks, each at its next step."""
        for task in self.running():
            task.stop.set()

    def close(self) -> None:
        """Stop all tasks, and wait until the one that runs has cleaned up."""
        self.stop()
        self._pool.shutdown(wait=True)

    def _run(self, task: Task, work: Work) -> None:
        task.state = "running"
        try:
            task.progress(task.what, 0, 0)
            task.result = work(task.progress)
            task.state = "done"
        except Cancelled:
            task.state = "cancelled"
        except (MitsganError, MemoryError, OSError) as error:
            task.error = str(error) or "this machine's memory is full; close a scan"
            task.state = "failed"
        except Exception:  # noqa: BLE001 - a bug must not end the thread
            _log.exception("a bug in the studio")
            task.error = "a bug in mitsgan; the terminal in which it was started says more"
            task.state = "failed"
