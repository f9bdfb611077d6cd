"""A series in the ledger, the states it goes through, and which failures are tried again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Action = Literal["protect", "seal", "verify", "restore", "evaluate"]

State = Literal["pending", "running", "done", "failed"]

STATES: Mapping[State, str] = {
    "pending": "waits for a worker",
    "running": "a worker has it, until its lease ends",
    "done": "worked through; what it wrote was whole and in place",
    "failed": "given up; the reason stands beside it",
}
"""Every state, and what it means."""

Failure = Literal["input", "resource", "bug", "infrastructure"]

FAILURES: Mapping[Failure, str] = {
    "input": "the scan, or the place for its output, cannot be used as it is",
    "resource": "memory, disk or time did not suffice",
    "bug": "an error that mitsgan does not know; its traceback is kept",
    "infrastructure": "the worker ended or was lost in the middle of it",
}
"""Why a series fails."""

ATTEMPTS: Mapping[Failure, int] = {"input": 1, "resource": 2, "bug": 1, "infrastructure": 5}
"""After how many failures of a kind a series is given up: what cannot pass is not tried again.

Each kind is counted by itself: workers that were lost leave a series its second try of memory.
"""

WAIT_SECONDS: Mapping[Failure, float] = {
    "input": 0,
    "resource": 60,
    "bug": 0,
    "infrastructure": 2,
}
"""How long a series waits before it is tried again."""


def storable(text: object) -> str:
    """Text as a ledger holds it: names of files that are no UTF-8 escaped, for people to read."""
    return str(text).encode("utf-8", "backslashreplace").decode()


@dataclass(frozen=True, kw_only=True)
class NewTask:
    """A series to be entered.

    Attributes:
        key: of its files, the settings and the weights; another key is other work.
        action: what is done.
        source: the folder or file, or the URL of a series.
        series: its *Series Instance UID*, "" for an image file.
        output: what is written, "" where nothing is.
        files: how many files it has.
        megabytes: of these files.
        voxels: of the scan, 0 where that is not known.
        memory_mb: that a worker needs at most.
        reason: why it cannot be done, where the plan knows that.
    """

    key: str
    action: Action
    source: str | Path
    series: str
    output: Path
    files: int
    megabytes: float
    voxels: int
    memory_mb: float
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Task:
    """A series as it stands in the ledger; times in seconds of the epoch.

    Attributes:
        id: its number.
        owner: the worker that has it, or had it last.
        lease_until: when another worker may take it over.
        attempts: how often it was begun.
        failures: how often it failed, by kind.
        failure: of which kind the last failure was, "" where there was none.
        reason: what was wrong, for people.
        verdict: of a verification.
        text: for people: what was done.
        seconds: the work took.
        peak_mb: memory of the worker at its end.
        started, ended: when it was begun and over.
    """

    id: int
    key: str
    action: Action
    source: str
    series: str
    output: str
    files: int
    megabytes: float
    voxels: int
    memory_mb: float
    state: State
    owner: str
    lease_until: float
    attempts: int
    failures: Mapping[Failure, int]
    failure: Failure | Literal[""]
    reason: str
    verdict: str
    text: str
    seconds: float
    peak_mb: float
    started: float
    ended: float

    @property
    def name(self) -> str:
        """For people: where it lies, and which series it is."""
        return f"{self.source} ({self.series})" if self.series else self.source


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of a series.

    Attributes:
        text: what was done.
        verdict: of a verification.
        failure: why not, if it was not done.
        reason: that in words.
        seconds: it took.
        peak_mb: memory of the worker.
    """

    text: str = ""
    verdict: str = ""
    failure: Failure | Literal[""] = ""
    reason: str = ""
    seconds: float = 0.0
    peak_mb: float = 0.0
