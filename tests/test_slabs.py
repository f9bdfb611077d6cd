"""Slabs: in order, at once, and torch left as it was."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import pytest
import torch

from mitsgan import slabs
from mitsgan.slabs import in_slabs, slab_by_slab, while_making


@pytest.fixture
def four(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with four processors, all of them ours."""
    monkeypatch.setattr(slabs, "processors", lambda: 4)


def test_slabs_cover_all_slices_in_order(four: None) -> None:
    done = list(in_slabs(lambda start, stop: (start, stop), 13, 5))
    assert done == [(0, 5), (5, 10), (10, 13)]
    assert list(in_slabs(lambda start, stop: (start, stop), 0, 5)) == []


def test_slabs_run_at_once_and_torch_shares(four: None) -> None:
    before = torch.get_num_threads()
    meet = threading.Barrier(2, timeout=60)

    def work(start: int, stop: int) -> int:
        meet.wait()  # one after the other, they would wait for ever
        return torch.get_num_threads()

    assert list(in_slabs(work, 2, 1)) == [2, 2]
    assert torch.get_num_threads() == before


def test_an_error_comes_through_and_torch_is_as_before(four: None) -> None:
    before = torch.get_num_threads()

    def work(start: int, stop: int) -> int:
        if start == 3:
            raise ValueError("slab 3")
        return start

    with pytest.raises(ValueError, match="slab 3"):
        list(in_slabs(work, 9, 1))
    assert torch.get_num_threads() == before


def test_slab_by_slab_is_in_order_and_in_this_thread(four: None) -> None:
    done = list(slab_by_slab(lambda *slab: (*slab, threading.get_ident()), 13, 5))
    here = threading.get_ident()
    assert done == [(0, 5, here), (5, 10, here), (10, 13, here)]
    assert list(slab_by_slab(lambda *slab: slab, 0, 5)) == []


def test_no_more_threads_than_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert slabs.processors() == 3
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert slabs.processors() == 2
    monkeypatch.setenv("OMP_NUM_THREADS", "nonsense")
    assert slabs.processors() == 3


def test_items_are_made_here_and_worked_on_elsewhere_in_order(four: None) -> None:
    made_in: set[int] = set()
    waiting = [0]
    most = 0

    def items() -> Iterator[int]:
        nonlocal most
        for number in range(60):
            made_in.add(threading.get_ident())
            waiting[0] += 1
            most = max(most, waiting[0])
            yield number

    def work(number: int) -> tuple[int, int]:
        return number, threading.get_ident()

    done = []
    for result in while_making(work, items()):
        waiting[0] -= 1
        done.append(result)
    assert [number for number, _ in done] == list(range(60))
    assert made_in == {threading.get_ident()}
    assert threading.get_ident() not in {thread for _, thread in done}
    assert most < 30  # not all of them at once


def test_an_error_of_making_comes_after_what_was_made(four: None) -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("no second")

    with pytest.raises(ValueError, match="no second"):
        list(while_making(abs, items()))


def test_one_processor_does_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slabs, "processors", lambda: 1)
    threads = list(while_making(lambda _: threading.get_ident(), range(3)))
    assert threads == 3 * [threading.get_ident()]
