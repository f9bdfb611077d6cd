"""Work on a scan in slabs of slices, a few at once: what fits the cache is done sooner."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Lock, local
from typing import TypeVar

T = TypeVar("T")

_MOST_THREADS = 4


def in_slabs(work: Callable[[int, int], T], depth: int, thickness: int) -> Iterator[T]:
    """``work(start, stop)`` for slabs of slices that cover ``range(depth)``; results in order.

    In threads, for NumPy and torch let others run while they compute. No more of them than
    ``OMP_NUM_THREADS`` and torch allow; torch computes each slab on its share of them.

    Args:
        work: on slices ``start:stop``; must write to nothing that another slab touches.
        depth: how many slices there are.
        thickness: slices per slab.
    """
    slabs = _cut(depth, thickness)
    usable = processors()
    threads = min(usable, _MOST_THREADS, len(slabs))
    if threads < 2:
        with _torch_on(None):
            yield from (work(*slab) for slab in slabs)
        return
    with _torch_on(usable // threads), ThreadPoolExecutor(threads) as pool:
        yield from pool.map(lambda slab: work(*slab), slabs)


def slab_by_slab(work: Callable[[int, int], T], depth: int, thickness: int) -> Iterator[T]:
    """As `in_slabs`, one after the other in this thread.

    For work in many short steps: threads would wait longer for Python's lock than they compute.
    """
    yield from (work(*slab) for slab in _cut(depth, thickness))


def _cut(depth: int, thickness: int) -> list[tuple[int, int]]:
    """Slabs that cover all slices."""
    return [(start, min(start + thickness, depth)) for start in range(0, depth, thickness)]


def per_thread(make: Callable[[], T]) -> Callable[[], T]:
    """Gives each thread one of its own, made when it first asks."""
    own = local()

    def get() -> T:
        if not hasattr(own, "value"):
            own.value = make()
        value: T = own.value
        return value

    return get


def helpers() -> int:
    """How many threads may help those that `in_slabs` starts: processors that are left."""
    return max(0, processors() - _MOST_THREADS)


def processors() -> int:
    """How many this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    usable = [len(affinity(0)) if affinity is not None else os.cpu_count() or 1]
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    if wanted.isdecimal() and int(wanted):
        usable.append(int(wanted))
    torch = sys.modules.get("torch")
    if torch is not None:
        usable.append(torch.get_num_threads())
    return min(usable)


class _Sharing:
    """How many are at work in slabs at once, each in a thread of its caller."""

    lock = Lock()
    inside = 0
    before = 0
    """Threads of torch when none was."""


@contextmanager
def _torch_on(threads: int | None) -> Iterator[None]:
    """Torch with so many threads for each slab, if anybody uses it at all.

    The number is the process's, and a thread takes it over when it first computes. So all put back
    what the first of those at work found, not what another had set for its own slabs.

    Args:
        threads: None leaves the number as it is.
    """
    torch = sys.modules.get("torch")
    if torch is None:
        yield
        return
    with _Sharing.lock:
        if not _Sharing.inside:
            _Sharing.before = torch.get_num_threads()
        _Sharing.inside += 1
        if threads is not None:
            torch.set_num_threads(threads)
    try:
        yield
    finally:
        with _Sharing.lock:
            _Sharing.inside -= 1
            torch.set_num_threads(_Sharing.before)
