"""The process of a command: its memory, its garbage, its signals."""

from __future__ import annotations

import atexit
import ctypes
import gc
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from types import FrameType

_OBJECTS = 250_000
"""New objects until Python looks for garbage cycles; by default 700 or 2000. More than it takes to
load a command and to read a series of usual length."""

_ENDINGS = tuple(s for s in signal.Signals if s.name in ("SIGINT", "SIGTERM", "SIGHUP"))
"""Signals upon which a command cleans up; Windows has no SIGHUP."""

_MMAP_THRESHOLD, _TRIM_THRESHOLD, _TOP_PAD, _ARENA_MAX = -3, -1, -2, -8
"""Options of glibc's ``mallopt``; source: its ``malloc.h``."""

_MIB = 1 << 20
_WANTED = (
    (_MMAP_THRESHOLD, 32 * _MIB),
    (_TRIM_THRESHOLD, 2**31 - 1),
    (_TOP_PAD, 64 * _MIB),
    (_ARENA_MAX, 1),
)


def keep_freed_memory() -> None:
    """Keep what is freed for the next array, in place of handing it back and asking anew.

    Slab after slab needs arrays of the same sizes. To get their pages from the system every time
    takes a third as long as all the arithmetic. Does nothing where the C library is not glibc, or
    where the environment sets its own ``MALLOC_...`` or ``GLIBC_TUNABLES``.
    """
    if any(name.startswith(("MALLOC_", "GLIBC_TUNABLES")) for name in os.environ):
        return
    if not sys.platform.startswith("linux"):
        return
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):
        for option, value in _WANTED:
            library.mallopt(option, value)


def leave_at_once() -> None:
    """Let the process end without a last look for garbage cycles.

    Python would walk through all that libraries hold, only to hand it back to a system that takes
    it anyway: up to a tenth of the time that protecting a scan takes.
    """
    atexit.register(gc.freeze)


def hold_closed_streams() -> None:
    """Lead standard streams that were closed, as some that start services do, to nowhere.

    Printing would fail, and the next file that is opened would be what libraries print into.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            nowhere = Path(os.devnull).open(mode, encoding="utf-8")  # noqa: SIM115 - as long as we run
            setattr(sys, name, nowhere)


def escape_what_cannot_be_shown() -> None:
    """Let stdout escape what its encoding does not have, as stderr does, and never fail at it.

    Such are names of files that are no UTF-8, and descriptions where the terminal's locale is C.
    """
    if isinstance(sys.stdout, TextIOWrapper):  # else there is none, or somebody put another there
        sys.stdout.reconfigure(errors="backslashreplace")


class Terminated(KeyboardInterrupt):
    """One of the signals that end a process, by its number."""


@contextmanager
def rarely_collected() -> Iterator[None]:
    """Let Python look for garbage cycles less often while a command runs.

    At the usual pace it walks through all that torch imports, again and again: a quarter of the
    time that protecting a scan takes, start included. Commands make few objects and hardly a cycle.
    """
    before = gc.get_threshold()
    gc.set_threshold(_OBJECTS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


@contextmanager
def terminable() -> Iterator[None]:
    """Turn these signals into an exception while a command runs, so that it can clean up.

    One that is ignored, as `nohup` has it, stays ignored. Where a library makes another error of
    the exception, as torch does, it is the signal that is told.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    signalled: list[KeyboardInterrupt] = []

    def end(number: int, frame: FrameType | None) -> None:
        interrupt = number == signal.SIGINT
        signalled.append(KeyboardInterrupt() if interrupt else Terminated(number))
        raise signalled[-1]

    before = {number: signal.getsignal(number) for number in _ENDINGS}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, end)
    try:
        yield
    except Exception as error:
        if signalled:
            raise signalled[-1] from error
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
