"""Cases in batches, each in a process of its own: one that dies or hangs is told, not suffered."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from threading import Timer
from typing import IO, Any

_MEMORY = 6 << 30
_CASE_S = 20
_START_S = 120
_END = b"end\n"
_TOOLS = Path(__file__).parents[1]


@dataclass(frozen=True)
class Batch:
    """Cases ``first`` to ``first + count - 1`` of a kind."""

    kind: str
    seed: int
    first: int
    count: int


@dataclass(frozen=True)
class Finding:
    """A case that gave neither a message nor a result."""

    kind: str
    number: int
    what: str
    trace: str


Done = tuple[Batch, dict[str, int], list[Finding]]


class Hang(BaseException):
    """A case that did not end."""


def run_batches(batches: Iterable[Batch], jobs: int, seconds: float | None) -> Iterator[Done]:
    """Run batches, ``jobs`` at a time, and give them in turn; begin none after ``seconds``."""
    end = None if seconds is None else time.monotonic() + seconds
    waiting = iter(batches)
    idle = [_Worker() for _ in range(jobs)]

    def run(batch: Batch) -> Done:
        worker = idle.pop()
        try:
            return worker.run(batch, end)
        finally:
            idle.append(worker)

    with ThreadPoolExecutor(jobs) as pool:
        running: deque[Future[Done]] = deque()
        while True:
            while len(running) < jobs and (end is None or time.monotonic() < end):
                batch = next(waiting, None)
                if batch is None:
                    break
                running.append(pool.submit(run, batch))
            if not running:
                break
            yield running.popleft().result()
    for worker in idle:
        worker.stop()


class _Worker:
    """A process that runs one batch after the other; started anew where a case ended it."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._whole = False

    def run(self, batch: Batch, end: float | None) -> Done:
        """Run a batch; go on behind a case that ends the process."""
        outcomes: dict[str, int] = {}
        findings: list[Finding] = []
        first, stop = batch.first, batch.first + batch.count
        while first < stop and (end is None or time.monotonic() < end):
            rest = replace(batch, first=first, count=stop - first)
            for line in self._lines(rest, end):
                outcome = line["outcome"]
                outcomes[outcome] = outcomes.get(outcome, 0) + 1
                if outcome == "failed":
                    findings.append(
                        Finding(batch.kind, line["number"], line["what"], line["trace"])
                    )
                first = line["number"] + 1
            if self._whole:
                break
            code = self._ended()
            findings.append(Finding(batch.kind, first, f"the process ended with {code}", ""))
            outcomes["failed"] = outcomes.get("failed", 0) + 1
            first += 1
        return batch, outcomes, findings

    def stop(self) -> None:
        """End the process."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            self._process.wait()

    def _lines(self, batch: Batch, end: float | None) -> Iterator[dict[str, Any]]:
        """What the process says of each case; ends with the batch, or with the process."""
        process = self._process or self._start()
        self._whole = False
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps([asdict(batch), end]).encode() + b"\n")
        process.stdin.flush()
        limit = Timer(_START_S + _CASE_S * batch.count, process.kill)
        limit.start()
        try:
            for line in process.stdout:
                if line == _END:
                    self._whole = True
                    return
                yield json.loads(line)
        finally:
            limit.cancel()

    def _start(self) -> subprocess.Popen[bytes]:
        paths = [str(_TOOLS), os.environ.get("PYTHONPATH", "")]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "faults.workers"],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        return self._process

    def _ended(self) -> int | None:
        """How the process ended, now that its report did; the next batch gets a new one."""
        code = None if self._process is None else self._process.wait()
        self._process = None
        return code


class Runners:
    """What runs the cases of each kind, with its valid inputs: made once, since making takes long.

    Args:
        place: a folder for them; what a case leaves in it is gone before the next.
    """

    def __init__(self, place: Path) -> None:
        self._place = place
        self._runs: dict[tuple[str, int], tuple[Path, Callable[[int], str]]] = {}

    def of(self, batch: Batch) -> Callable[[int], str]:
        """What runs the cases of a batch; the working folder is then its own."""
        from faults.cases import runner

        kind = (batch.kind, batch.seed)
        if kind not in self._runs:
            place = self._place / f"{batch.kind}-{batch.seed}"
            place.mkdir()
            os.chdir(place)
            self._runs[kind] = place, runner(batch.kind, batch.seed, place)
        place, run = self._runs[kind]
        os.chdir(place)
        return run


def work(batch: Batch, end: float | None, report: IO[bytes], runners: Runners) -> None:
    """Run a batch here, a line of JSON for each case."""
    run = runners.of(batch)
    for number in range(batch.first, batch.first + batch.count):
        if end is not None and time.monotonic() > end:
            break
        line: dict[str, object] = {"number": number}
        signal.alarm(_CASE_S)
        try:
            line["outcome"] = run(number)
        except BaseException as error:  # noqa: BLE001 - that is what is looked for
            line |= {"outcome": "failed", "what": repr(error)[:300]}
            line["trace"] = "".join(traceback.format_exception(error))[-3000:]
        signal.alarm(0)
        report.write(json.dumps(line).encode() + b"\n")
        report.flush()
    report.write(_END)
    report.flush()


def _hang(number: int, frame: object) -> None:
    raise Hang(f"no end after {_CASE_S} s")


def serve() -> None:
    """Run the batches that stdin names, until it ends."""
    # What a case prints must not come between the lines of the report.
    report = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    signal.signal(signal.SIGALRM, _hang)
    scratch = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(dir=scratch) as place:
        runners = Runners(Path(place))
        for line in sys.stdin.buffer:
            batch, end = json.loads(line)
            work(Batch(**batch), end, report, runners)
        os.chdir("/")


if __name__ == "__main__":
    serve()
