"""How far long work is: one callback that everything long takes, whoever watches.

To stop a piece of work, raise an exception out of the callback, `KeyboardInterrupt` or any other:
what was begun is cleaned up, and the exception reaches the caller.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Protocol


class Progress(Protocol):
    """Told how far a piece of work is."""

    def __call__(self, phase: str, done: int, total: int, /, note: str = "") -> None:
        """Take notice.

        Args:
            phase: what is being done, for people, such as "reading chest". Phases follow one
                another; each ends with ``done`` equal to ``total``.
            done, total: steps of this phase; a ``total`` of 0 means that it is not known.
            note: what the last step was or gave, for people; may be empty.
        """
        ...


class Steps(Protocol):
    """Told how far one phase is: a `Progress` whose phase is known."""

    def __call__(self, done: int, total: int, /, note: str = "") -> None:
        """Take notice, see `Progress`."""
        ...


def silent(phase: str, done: int, total: int, note: str = "") -> None:
    """A `Progress` that nobody watches."""


class Phases:
    """The phases of one piece of work: each is told to a callback, and timed.

    Attributes:
        seconds: how long each phase took, by its key; several phases of one key add up.
    """

    def __init__(self, progress: Progress = silent) -> None:
        self._progress = progress
        self._start = perf_counter()
        self.seconds: dict[str, float] = {}

    @property
    def tell(self) -> Progress:
        """The callback itself, for work that has phases of its own."""
        return self._progress

    @property
    def elapsed(self) -> float:
        """Seconds since the work began."""
        return perf_counter() - self._start

    @contextmanager
    def phase(self, key: str, what: str) -> Iterator[Steps]:
        """Tell that a phase begins, and that it ends if it ends well.

        Args:
            key: under which `seconds` keeps its time.
            what: the phase, for people.

        Yields:
            To be called with steps done and steps in all.
        """
        start = perf_counter()
        last = (0, 0)

        def step(done: int, total: int, note: str = "") -> None:
            nonlocal last
            last = (done, total)
            self._progress(what, done, total, note)

        step(0, 0)
        yield step
        done, total = last
        if done < total or not total:
            step(total or 1, total or 1)
        self.seconds[key] = self.seconds.get(key, 0.0) + perf_counter() - start
