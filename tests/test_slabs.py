"""Slabs: in order, at once, and torch left as it was."""

from __future__ import annotations

import os
import threading

import pytest
import torch

from mitsgan import slabs
from mitsgan.slabs import in_slabs, slab_by_slab


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


def test_threads_at_once_leave_torch_as_it_was(four: None) -> None:
    """One that found what another had set for its slabs put that back, for good."""
    before = torch.get_num_threads()
    first_is_in, other_is_in, first_is_out = (threading.Event() for _ in range(3))
    left: list[int] = []

    def first() -> None:
        torch.set_num_threads(4)
        slabs_at_work = in_slabs(lambda start, stop: start, 4, 1)
        next(slabs_at_work)
        first_is_in.set()
        assert other_is_in.wait(60)
        list(slabs_at_work)
        first_is_out.set()

    def other() -> None:
        assert first_is_in.wait(60)
        slabs_at_work = in_slabs(lambda start, stop: start, 2, 1)
        next(slabs_at_work)
        other_is_in.set()
        assert first_is_out.wait(60)
        list(slabs_at_work)
        left.append(torch.get_num_threads())

    def later() -> None:
        left.append(torch.get_num_threads())

    try:
        for wave in ([first, other], [later]):
            threads = [threading.Thread(target=work) for work in wave]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert left == [4, 4]
    finally:
        torch.set_num_threads(before)
