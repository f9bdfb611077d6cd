"""Reading what other programs wrote, without libraries speaking to the user."""

from __future__ import annotations

import os
import struct
import sys
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
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


@contextmanager
def quiet() -> Iterator[None]:
    """Keep pydicom's remarks from the terminal.

    It warns of what does not follow the standard. What matters of that is an error or a note of
    ours; the rest is kept as it is, byte for byte, and is not the user's concern.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


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
