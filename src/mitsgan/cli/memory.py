"""How the process of a command gets its memory."""

from __future__ import annotations

import ctypes
import os
import sys

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
