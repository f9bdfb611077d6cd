"""Work on a scan in slabs of slices, a few at once: what fits the cache is done sooner."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

_MOST_THREADS = 4


def in_slabs(work: Callable[[int, int], T], depth: int, thickness: int) -> Iterator[T]:
    """``work(start, stop)`` for slabs of slices that cover ``range(depth)``; results in order.

    In threads, for NumPy lets others run while it computes.

    Args:
        work: on slices ``start:stop``; must write to nothing that another slab touches.
        depth: how many slices there are.
        thickness: slices per slab.
    """
    slabs = [(start, min(start + thickness, depth)) for start in range(0, depth, thickness)]
    threads = min(_processors(), _MOST_THREADS, len(slabs))
    if threads < 2:
        yield from (work(*slab) for slab in slabs)
        return
    with ThreadPoolExecutor(threads) as pool:
        yield from pool.map(lambda slab: work(*slab), slabs)


def _processors() -> int:
    """How many this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
