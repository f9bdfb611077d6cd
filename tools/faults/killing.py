"""Commands in forked processes, which are killed at some moment or before some file operation."""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import pkgutil
import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from mitsgan.cli.main import main

_OPERATIONS = frozenset(
    {"os.rename", "os.link", "os.mkdir", "os.remove", "os.rmdir", "shutil.rmtree", "open"}
)
_KILLED = -signal.SIGKILL
NOBODY = 65534


def load_all() -> None:
    """Import what commands need, so that a killed one was at work, and not still importing."""
    rooms = ("files", "jobs.protect", "jobs.verify", "jobs.seal", "jobs.restore")
    for name in (*rooms, "restore", "seal", "mark", "protect"):
        room = importlib.import_module(f"mitsgan.{name}")
        for module in pkgutil.walk_packages(getattr(room, "__path__", []), f"{room.__name__}."):
            importlib.import_module(module.name)


@dataclass(frozen=True)
class Ended:
    """How a command ended.

    Attributes:
        code: its exit code; the negative number of the signal that ended it.
        said: on the terminal.
        seconds: that it took.
        operations: on files.
    """

    code: int
    said: str
    seconds: float
    operations: int

    @property
    def killed(self) -> bool:
        """Whether it was killed, and had not ended before."""
        return self.code == _KILLED


@dataclass(frozen=True)
class Moment:
    """When to kill: after so many seconds, or before the operation on files of this number."""

    seconds: float | None = None
    operation: int | None = None

    @classmethod
    def draw(cls, usual: Ended, draw: random.Random) -> Moment:
        """Any time of a usual run, or any of its operations on files."""
        if draw.random() < 0.5:
            return cls(seconds=draw.uniform(0, usual.seconds))
        return cls(operation=draw.randrange(max(usual.operations, 1)))


def run(
    arguments: Sequence[str],
    moment: Moment | None = None,
    *,
    meanwhile: Callable[[], None] | None = None,
    nobody: bool = False,
) -> Ended:
    """Run a command line in a process of its own; nothing is imported anew.

    Args:
        arguments: without the program's name.
        moment: when to kill it, if it is to be killed.
        meanwhile: called here while it runs.
        nobody: run it without the rights of root.
    """
    reading, writing = os.pipe()
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _work(arguments, moment, writing, nobody)
    os.close(writing)
    if moment is not None and moment.seconds is not None:
        killer = threading.Timer(moment.seconds, _kill, (child,))
        killer.start()
    if meanwhile is not None:
        meanwhile()
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read().decode("utf-8", "replace")
    _, status = os.waitpid(child, 0)
    if moment is not None and moment.seconds is not None:
        killer.cancel()
    count, _, text = said.rpartition("\n")[2], "", said.rpartition("\n")[0]
    return Ended(
        code=os.waitstatus_to_exitcode(status),
        said=text,
        seconds=time.monotonic() - began,
        operations=int(count or 0),
    )


def _work(
    arguments: Sequence[str], moment: Moment | None, report: int, nobody: bool
) -> None:  # pragma: no cover - in a process that ends here
    """Run the command line and end the process."""
    count = 0

    def watch(event: str, details: tuple[object, ...]) -> None:
        nonlocal count
        if event not in _OPERATIONS or (event == "open" and not _is_written(details)):
            return
        if moment is not None and moment.operation == count:
            os.kill(os.getpid(), signal.SIGKILL)
        count += 1

    said = StringIO()
    sys.stdout = sys.stderr = said
    code = 70
    try:
        if nobody and os.getuid() == 0:
            os.setgid(NOBODY)
            os.setuid(NOBODY)
        sys.addaudithook(watch)
        code = main(list(arguments))
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 70
    except BaseException as error:  # noqa: BLE001 - told as a bug
        said.write(repr(error))
    finally:
        os.write(report, f"{said.getvalue()[-8000:]}\n{count}".encode("utf-8", "replace"))
        os._exit(code)


def _is_written(details: tuple[object, ...]) -> bool:
    flags = details[2] if len(details) > 2 else 0
    return isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) != 0


def _kill(child: int) -> None:
    try:
        os.kill(child, signal.SIGKILL)
    except ProcessLookupError:  # it ended before
        return


def contents(folder: Path) -> Mapping[str, str]:
    """Every file below a folder, and the hash of what is in it."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(_lasting(path)).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _lasting(path: Path) -> bytes:
    """What is in a file; of a seal what is the same in two seals of one scan, if it is whole."""
    content = path.read_bytes()
    if not path.name.endswith(".seal.json"):
        return content
    try:
        sealed = json.loads(content)["content"]
        uids = [part["attributes"]["SOPInstanceUID"] for part in sealed["slices"]]
    except (ValueError, LookupError, TypeError):
        return content
    return json.dumps([uids, "sketch" in sealed]).encode()
