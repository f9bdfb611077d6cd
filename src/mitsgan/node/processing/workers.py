"""The node's side of its worker: started when needed, bounded in time, renewed after a crash."""

from __future__ import annotations

import os
import selectors
import subprocess
import sys
import threading
import time

from mitsgan.node.processing.tasks import Answer, Task
from mitsgan.typed import parse_json, to_json

_TASKS = 50
"""After so many tasks a worker is exchanged, whatever memory its libraries have kept."""


class WorkerProcess:
    """One worker; does one task at a time, whoever asks.

    Attributes:
        seconds: longest time for one task; may be exchanged at any time.
    """

    def __init__(self, seconds: float) -> None:
        """Prepare; the process starts with the first task.

        Args:
            seconds: longest time for one task.
        """
        self.seconds = seconds
        self._process: subprocess.Popen[str] | None = None
        self._done = 0
        self._lock = threading.Lock()

    def do(self, task: Task) -> Answer:
        """Do a task; a worker that crashes or takes too long answers with a passing error."""
        with self._lock:
            process = self._started()
            try:
                assert process.stdin is not None
                process.stdin.write(to_json(task).replace("\n", " ").strip() + "\n")
                process.stdin.flush()
                line = self._answer(process)
            except (OSError, ValueError):
                line = ""
            if not line:
                return self._crashed(process)
            self._done += 1
            if self._done >= _TASKS:
                self._end()
            return parse_json(line, Answer, "the worker's answer")

    def stop(self) -> None:
        """End the worker; a task that it is doing is given up."""
        process = self._process
        if process is not None:
            process.kill()
        with self._lock:
            self._end()

    def renew(self) -> None:
        """Let the next task have a new worker, which reads keys and weights anew."""
        with self._lock:
            self._end()

    def _started(self) -> subprocess.Popen[str]:
        if self._process is None or self._process.poll() is not None:
            self._end()
            self._process = subprocess.Popen(
                [sys.executable, "-m", "mitsgan.node.processing.worker", str(os.getpid())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                encoding="utf-8",
            )
        return self._process

    def _answer(self, process: subprocess.Popen[str]) -> str:
        """The next line of a process; "" where it ends, or takes too long and is ended."""
        assert process.stdout is not None
        deadline = time.monotonic() + self.seconds
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while (left := deadline - time.monotonic()) > 0:
                if selector.select(min(left, 1.0)):
                    return process.stdout.readline()
        process.kill()
        return ""

    def _crashed(self, process: subprocess.Popen[str]) -> Answer:
        process.kill()
        code = process.wait()
        self._end()
        return Answer(error=f"the worker ended without an answer (exit code {code})", passing=True)

    def _end(self) -> None:
        process, self._process, self._done = self._process, None, 0
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
