"""Reading what other programs wrote, without libraries speaking to the user."""

from __future__ import annotations

import os
import struct
import sys
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from threading import Lock
from zipfile import BadZipFile

from pydicom.errors import BytesLengthException, InvalidDicomError

UNREADABLE = (
    InvalidDicomError,
    BytesLengthException,
    OSError,
    EOFError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    RuntimeError,
    struct.error,
    zlib.error,
    BadZipFile,
)
"""What pydicom and its decoders raise on damaged files: it depends on where the damage is."""


def said(error: BaseException) -> str:
    """What an error says, in one line: pydicom adds the traceback of another to its own words."""
    return " ".join(str(error).partition("Traceback (most recent call last)")[0].split())


def remedy(error: BaseException, damaged: str = "fetch it again") -> str:
    """What to do about a file that cannot be read: it need not be damaged.

    Args:
        error: why it cannot.
        damaged: what to do where it is.
    """
    return "let this user read it" if isinstance(error, PermissionError) else damaged


_LOCK = Lock()
if hasattr(os, "register_at_fork"):  # a process that is forked must not wait for another's thread
    os.register_at_fork(
        before=_LOCK.acquire, after_in_parent=_LOCK.release, after_in_child=_LOCK.release
    )


def for_all_threads(
    change: Callable[[], AbstractContextManager[None]],
) -> Callable[[], AbstractContextManager[None]]:
    """A change of the whole process that the first of several threads makes, and the last undoes.

    Were each to put back what it found, one would put back what another had changed, for good.
    """
    undo = ExitStack()
    inside = 0

    @contextmanager
    def changed() -> Iterator[None]:
        nonlocal inside
        with _LOCK:
            if not inside:
                undo.enter_context(change())
            inside += 1
        try:
            yield
        finally:
            with _LOCK:
                inside -= 1
                if not inside:
                    undo.close()

    changed.__doc__ = change.__doc__
    return changed


@for_all_threads
@contextmanager
def quiet() -> Iterator[None]:
    """Keep pydicom's remarks from the terminal.

    It warns of what does not follow the standard. What matters of that is an error or a note of
    ours; the rest is kept as it is, byte for byte, and is not the user's concern.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@for_all_threads
@contextmanager
def mute() -> Iterator[None]:
    """Keep from the terminal what C and C++ libraries write there by themselves.

    They print beside the error that they raise, in words for programmers; the error is told by us.
    """
    try:
        terminal = os.dup(2)
    except OSError:  # there is none
        yield
        return
    sys.stderr.flush()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(terminal, 2)
        os.close(terminal)
        os.close(nowhere)
