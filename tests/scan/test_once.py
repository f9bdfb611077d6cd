"""One question, one answer, as long as a scan lives."""

from __future__ import annotations

import gc
import weakref
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pytest

from mitsgan.errors import ScanError
from mitsgan.scan.once import once_per_scan
from mitsgan.scan.scan import Geometry, Scan


def make_scan(value: int = 0) -> Scan:
    stored = np.full((2, 3, 4), value, np.int16)
    return Scan(stored, np.ones(2), np.zeros(2), -1024, 3071, Geometry((1.0, 1.0, 1.0)))


def test_the_same_question_is_worked_out_once() -> None:
    asked: Counter[tuple[int, float]] = Counter()

    @once_per_scan
    def brightest(scan: Scan, factor: float = 1.0) -> list[float]:
        """The largest HU."""
        asked[int(scan.stored[0, 0, 0]), factor] += 1
        return [factor * float(scan.hu().max())]

    one, other = make_scan(1), make_scan(2)
    first = brightest(one)
    assert first == [1.0]
    for again in (brightest(one), brightest(one, 1.0), brightest(one, factor=1.0)):
        assert again is first
    assert brightest(one, 3.0) == [3.0]
    assert brightest(other) == [2.0]
    assert brightest(one.with_stored(one.stored)) is not first, "another scan, though equal"
    assert asked == {(1, 1.0): 2, (1, 3.0): 1, (2, 1.0): 1}
    assert brightest.__name__ == "brightest"
    assert brightest.__doc__ == "The largest HU."


def test_threads_that_ask_at_once_get_one_answer() -> None:
    threads, asked = 8, []
    together = Barrier(threads)

    @once_per_scan
    def question(scan: Scan) -> object:
        asked.append(scan)
        return object()

    scan = make_scan()

    def ask(_: int) -> object:
        together.wait(timeout=30)
        return question(scan)

    with ThreadPoolExecutor(threads) as pool:
        answers = list(pool.map(ask, range(threads)))
    assert len(asked) == 1
    assert {id(answer) for answer in answers} == {id(answers[0])}


def test_an_answer_goes_with_its_scan() -> None:
    @once_per_scan
    def values(scan: Scan) -> np.ndarray:
        return scan.hu()

    scan = make_scan()
    kept, answer = weakref.ref(scan), weakref.ref(values(scan))
    assert answer() is not None
    del scan
    gc.collect()
    assert kept() is None
    assert answer() is None


def test_an_error_is_no_answer() -> None:
    asked = []

    @once_per_scan
    def lung(scan: Scan) -> str:
        asked.append(1)
        if len(asked) < 3:
            raise ScanError("found no lung")
        return "lung"

    scan = make_scan()
    for _ in range(2):
        with pytest.raises(ScanError, match="no lung"):
            lung(scan)
    assert lung(scan) == lung(scan) == "lung"
    assert len(asked) == 3
