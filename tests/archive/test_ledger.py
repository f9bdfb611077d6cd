"""The ledger: leases, ends, second attempts."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mitsgan.archive.ledger import Ledger
from mitsgan.archive.task import ATTEMPTS, Failure, NewTask, Outcome, Task
from mitsgan.archive.worker import _renewed
from mitsgan.errors import DataError


def new(number: int, key: str = "k", memory_mb: float = 10.0) -> NewTask:
    return NewTask(
        key=key,
        action="protect",
        source=Path(f"/in/{number}"),
        series=f"1.{number}",
        output=Path(f"/out/{number}"),
        files=3,
        megabytes=1.0,
        voxels=100 * number,
        memory_mb=memory_mb,
    )


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    book = Ledger(tmp_path / "l.db", create=True)
    yield book
    book.close()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr("mitsgan.archive.ledger.time.time", lambda: now[0])
    return now


def test_the_largest_that_fits_is_first_and_nobody_else_gets_it(ledger: Ledger) -> None:
    assert ledger.enter([new(1), new(3, memory_mb=99), new(2)]) == (3, 0)
    first, second = ledger.lease("a", 60, 50), ledger.lease("b", 60, 50)
    assert first is not None
    assert second is not None
    assert (first.source, second.source) == ("/in/2", "/in/1")
    assert ledger.lease("c", 60, 50) is None
    assert ledger.open(50) == 2
    assert ledger.open(100) == 3


def test_a_lost_worker_s_series_is_taken_over_and_its_end_does_not_count(
    ledger: Ledger, clock: list[float]
) -> None:
    ledger.enter([new(1)])
    lost = ledger.lease("a", 60, 50)
    assert lost is not None
    clock[0] += 30
    assert ledger.renew(lost, 60)
    clock[0] += 50
    assert ledger.lease("b", 60, 50) is None  # it was renewed
    clock[0] += 20
    taken = ledger.lease("b", 60, 50)
    assert taken is not None
    assert taken.attempts == 2
    assert not ledger.renew(lost, 60)
    assert not ledger.end(lost, Outcome(text="too late"))
    assert ledger.end(taken, Outcome(text="done"))
    assert ledger.task(taken.id).text == "done"


def test_a_lease_is_renewed_again_once_the_ledger_can_be_written(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.enter([new(1)])
    task = ledger.lease("a", 60, 50)
    assert task is not None
    tries: list[bool] = []
    renew, twice = Ledger.renew, threading.Event()

    def fails_first(book: Ledger, task: Task, seconds: float) -> bool:
        tries.append(len(tries) > 0 and renew(book, task, 600))
        if len(tries) == 1:
            raise DataError("the disk is full")
        twice.set()
        return True

    monkeypatch.setattr(Ledger, "renew", fails_first)
    with _renewed(ledger.path, task, 0.1):
        assert twice.wait(30)
    assert tries[:2] == [False, True]
    assert ledger.task(task.id).lease_until > task.lease_until


def test_a_full_disk_is_told_and_leaves_the_ledger_as_it_was(ledger: Ledger) -> None:
    ledger.enter([new(1)])
    (pages,) = ledger._db.execute("PRAGMA page_count").fetchone()
    ledger._db.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(DataError, match=r"l\.db: the ledger cannot be written .*full.*free space"):
        ledger.enter(new(number) for number in range(2, 200))
    assert ledger.counts() == {"pending": 1}
    assert ledger.lease("a", 60, 50) is not None


@pytest.mark.parametrize("kind", ATTEMPTS)
def test_failures_are_tried_again_as_often_as_their_kind_is_worth(
    ledger: Ledger, clock: list[float], kind: Failure
) -> None:
    ledger.enter([new(1)])
    for attempt in range(1, ATTEMPTS[kind] + 1):
        task = ledger.lease("a", 60, 50)
        assert task is not None
        assert task.attempts == attempt
        assert ledger.end(task, Outcome(failure=kind, reason="so"))
        clock[0] += 1000
    assert ledger.lease("a", 60, 50) is None
    assert ledger.counts() == {"failed": 1}
    assert ledger.retry(["input", "resource", "bug", "infrastructure"]) == 1
    assert ledger.lease("a", 60, 50) is not None


def test_each_kind_of_failure_is_counted_by_itself(ledger: Ledger, clock: list[float]) -> None:
    ledger.enter([new(1)])
    lost = ATTEMPTS["infrastructure"] - 1
    kinds: list[Failure] = ["infrastructure"] * lost
    kinds.append("resource")
    for kind in kinds:
        task = ledger.lease("a", 60, 50)
        assert task is not None, f"given up before {kind}"
        ledger.end(task, Outcome(failure=kind, reason="so"))
        clock[0] += 1000
    task = ledger.lease("a", 60, 50)
    assert task is not None, "the first want of memory is not the last"
    assert task.failures == {"infrastructure": lost, "resource": 1}
    clock[0] += 1000
    assert ledger.lease("b", 60, 50) is None, "lost for the fifth time"
    assert ledger.counts() == {"failed": 1}


def test_a_ledger_of_version_1_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "l.db"
    Ledger(path, create=True).close()
    db = sqlite3.connect(path)
    db.execute("ALTER TABLE tasks DROP COLUMN failures")
    db.execute(
        "INSERT INTO tasks (key, action, source, series, output, files, megabytes, voxels,"
        " memory_mb) VALUES ('k', 'protect', '/in/1', '1.1', '/out/1', 3, 1, 100, 10)"
    )
    db.execute("PRAGMA user_version=1")
    db.commit()
    db.close()
    for _ in range(2):
        book = Ledger(path)
        assert [(task.source, task.failures) for task in book.tasks()] == [("/in/1", {})]
        book.close()


def test_what_was_told_to_stop_is_given_back_and_is_no_attempt(ledger: Ledger) -> None:
    ledger.enter([new(1)])
    ledger.lease("a", 60, 50)
    ledger.let_go("a")
    task = ledger.lease("b", 60, 50)
    assert task is not None
    assert task.attempts == 1


def test_only_what_changed_is_done_anew(ledger: Ledger) -> None:
    ledger.enter([new(1), new(2)])
    while (task := ledger.lease("a", 60, 50)) is not None:
        ledger.end(task, Outcome(seconds=2.0))
    assert ledger.enter([new(1), new(2, key="other"), new(3)]) == (1, 1)
    assert ledger.counts() == {"done": 1, "pending": 2}
    assert ledger.rate() == pytest.approx(2.0 / 100 * 1e6)


def test_another_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such ledger"):
        Ledger(tmp_path / "none.db")
    text = tmp_path / "text.db"
    text.write_text("no database, but long enough to be looked at as one" * 20)
    with pytest.raises(DataError, match="cannot be opened"):
        Ledger(text)
    other = tmp_path / "other.db"
    connection = sqlite3.connect(other)
    connection.execute("PRAGMA user_version=9")
    connection.close()
    with pytest.raises(DataError, match="no ledger of version 2"):
        Ledger(other, create=True)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from(["lease", "end", "fail", "lose", "let go"]), max_size=40))
def test_no_series_is_lost_or_in_two_hands(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str]
) -> None:
    book = Ledger(tmp_path_factory.mktemp("h") / "l.db", create=True)
    book.enter([new(number) for number in range(3)])
    leased: list[Task] = []
    for number, step in enumerate(steps):
        if step == "lease" and (task := book.lease(f"w{number}", 60, 50)) is not None:
            assert task.id not in [one.id for one in leased]
            leased.append(task)
        elif step != "lease" and leased:
            task = leased.pop(0)
            if step == "let go":
                book.let_go(task.owner)
            else:
                kind = {"end": "", "fail": "input", "lose": "infrastructure"}[step]
                assert book.end(task, Outcome(failure=kind))  # type: ignore[arg-type]
    counts = book.counts()
    assert sum(counts.values()) == 3
    assert counts.get("running", 0) == len(leased)
    book.close()


def test_taking_a_series_sorts_nothing(tmp_path: Path) -> None:
    book = Ledger(tmp_path / "l.db", create=True)
    statements: list[str] = []
    book._db.set_trace_callback(statements.append)
    book.lease("w", 60, 1e6)
    book.any_open(1e6)
    queries = [text for text in statements if text.startswith("SELECT")]
    assert len(queries) == 2
    for query in queries:
        plan = "\n".join(row[3] for row in book._db.execute(f"EXPLAIN QUERY PLAN {query}"))
        assert "tasks_open" in plan
        assert "ORDER BY" not in plan
    book.close()
