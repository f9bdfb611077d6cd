from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.node.forward.sending import report

from mitsgan.errors import DataError
from mitsgan.node.commitment import take_report
from mitsgan.node.config import Retry
from mitsgan.node.store.deliveries import HELD, Deliveries, Plan
from mitsgan.node.store.ledger import Ledger
from mitsgan.node.store.ledger_schema import Delivery, Series
from mitsgan.node.store.spool import Header


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger(tmp_path / "ledger.sqlite")
    yield opened
    opened.close()


def header(sop_uid: str) -> Header:
    return Header(sop_uid, "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.1.2", "1.2", "1.1")


def test_it_is_its_owners_alone_whatever_folder_it_lies_in(ledger: Ledger, tmp_path: Path) -> None:
    """Audit messages wait in it, which may name patients."""
    receive(ledger)
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def receive(ledger: Ledger, sop_uid: str = "1.2.3") -> int:
    series = ledger.open_series(header(sop_uid), "ct", "CT1", "127.0.0.1")
    assert ledger.enter(series, header(sop_uid), 10) == "new"
    return series


def entry(ledger: Ledger, series: int) -> Series:
    row = ledger.find(series)
    assert row is not None
    return row


def sending(ledger: Ledger, *destinations: str) -> tuple[int, list[Delivery]]:
    series = receive(ledger)
    deliveries = Deliveries(ledger)
    deliveries.plan(series, {name: Plan("protected") for name in destinations}, "protected")
    return series, deliveries.of(series)


def test_objects_of_one_series_come_together(ledger: Ledger) -> None:
    assert receive(ledger, "1.2.3") == receive(ledger, "1.2.4")
    assert ledger.known("1.2", "ct", "1.2.3") == (1, "")
    assert ledger.known("1.2", "other", "1.2.3") is None
    assert ledger.count(1) == 2


def test_a_series_that_is_worked_on_is_followed_by_another(ledger: Ledger) -> None:
    first = receive(ledger, "1.2.3")
    ledger.complete(first, entry(ledger, first).last_object)
    assert ledger.move(first, "working", of=["complete"])
    assert ledger.enter(first, header("1.2.4"), 10) == "closed"
    second = receive(ledger, "1.2.4")
    assert entry(ledger, second).follows == first


def test_an_object_that_comes_at_the_last_moment_keeps_a_series_open(ledger: Ledger) -> None:
    series = receive(ledger)
    seen = entry(ledger, series).last_object
    receive(ledger, "1.2.4")
    ledger.complete(series, seen)
    assert entry(ledger, series).state == "received"


def test_a_series_is_committed_when_every_destination_is(ledger: Ledger) -> None:
    series, (one, two) = sending(ledger, "one", "two")
    deliveries = Deliveries(ledger)
    deliveries.begin(one)
    deliveries.advance(one, "committed")
    assert entry(ledger, series).state == "sending"
    deliveries.advance(two, "committed")
    assert entry(ledger, series).state == "committed"


def test_a_dead_delivery_makes_a_dead_letter_that_can_be_sent_again(ledger: Ledger) -> None:
    series, (one, two) = sending(ledger, "one", "two")
    deliveries = Deliveries(ledger)
    deliveries.begin(one)
    deliveries.note_sent(one, "1.2.3")
    deliveries.advance(one, "committed")
    deliveries.advance(two, "dead", reason="no answer")
    assert (entry(ledger, series).state, entry(ledger, series).reason) == (
        "dead",
        "two: no answer",
    )
    assert deliveries.retry(series)
    assert entry(ledger, series).state == "sending"
    assert [d.state for d in deliveries.of(series)] == ["committed", "pending"]
    assert not deliveries.retry(series)


def test_what_was_held_back_is_protected_anew(ledger: Ledger) -> None:
    series = receive(ledger)
    deliveries = Deliveries(ledger)
    deliveries.plan(series, {"one": Plan("received", f"{HELD}cannot be protected")}, "sending")
    assert entry(ledger, series).state == "dead"
    assert deliveries.retry(series)
    assert entry(ledger, series).state == "complete"
    assert deliveries.due("one") is None  # the original stays held back


def test_what_is_to_be_protected_anew_is_no_dead_letter_before(ledger: Ledger) -> None:
    """Although those who may have the original get it meanwhile."""
    series = receive(ledger)
    deliveries = Deliveries(ledger)
    plans = {"one": Plan("received", f"{HELD}cannot be protected"), "two": Plan("received")}
    deliveries.plan(series, plans, "sending")
    two = deliveries.of(series)[1]
    deliveries.advance(two, "dead", reason="no answer")
    assert deliveries.retry(series)
    assert deliveries.due("two") is not None
    deliveries.advance(two, "committed")
    assert entry(ledger, series).state == "complete"
    deliveries.plan(series, dict.fromkeys(plans, Plan("protected")), "protected")
    assert [d.state for d in deliveries.of(series)] == ["pending", "committed"]


def test_a_dead_letter_is_taken_up_when_its_sender_sends_it_again(ledger: Ledger) -> None:
    series = receive(ledger)
    deliveries = Deliveries(ledger)
    deliveries.plan(series, {"one": Plan("received", f"{HELD}a slice is missing")}, "sending")
    assert receive(ledger, "1.2.4") == series
    assert entry(ledger, series).state == "received"
    assert deliveries.of(series) == []


def test_a_failed_delivery_waits(ledger: Ledger) -> None:
    _, (one,) = sending(ledger, "one")
    deliveries = Deliveries(ledger)
    deliveries.failed(one, "no answer", 60)
    assert deliveries.due("one") is None
    assert deliveries.of(1)[0].attempts == 1


def test_digests_stay_when_files_go(ledger: Ledger) -> None:
    series = receive(ledger)
    ledger.files_gone(series, {"1.2.3": "ab"})
    assert ledger.known("1.2", "ct", "1.2.3") == (series, "ab")
    assert entry(ledger, series).files == "deleted"


def test_refusals_of_one_kind_are_one_row(ledger: Ledger) -> None:
    for _ in range(3):
        ledger.refuse("1.2", "CT1", "127.0.0.1", "no CT")
    assert ledger.counts() == {"refused": 1}


def test_all_is_there_after_the_ledger_is_opened_anew(tmp_path: Path) -> None:
    first = Ledger(tmp_path / "l.sqlite")
    receive(first)
    first.close()
    second = Ledger(tmp_path / "l.sqlite")
    assert second.counts() == {"received": 1}
    second.close()


def test_every_series_is_listed_however_many_there_are(ledger: Ledger) -> None:
    row = "INSERT INTO series (series_uid, study_uid, route, calling, address, state, created, "
    row += "changed, last_object) VALUES (?, '1.1', 'ct', 'CT', '', 'committed', 0, 0, 0)"
    with ledger.change() as db:
        db.executemany(row, [(f"1.2.{number}",) for number in range(1100)])
    last = receive(ledger)
    assert ledger.in_states()[-1].id == last == 1101


def test_a_ledger_of_another_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "l.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version=99")
    connection.close()
    with pytest.raises(DataError, match="version 99"):
        Ledger(path)


def test_a_ledger_of_the_first_version_is_taken_on(tmp_path: Path) -> None:
    path = tmp_path / "l.sqlite"
    with closing(Ledger(path)) as ledger:
        receive(ledger)
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            "ALTER TABLE series DROP COLUMN beside; PRAGMA user_version=1; VACUUM"
        )
    with closing(Ledger(path)) as ledger:
        (series,) = ledger.in_states("received")
        assert series.beside == 0
    Ledger(path).close()


def test_what_an_archive_does_not_commit_is_sent_again_and_at_last_a_dead_letter(
    ledger: Ledger,
) -> None:
    series, (one,) = sending(ledger, "one")
    deliveries, retry = Deliveries(ledger), Retry(attempts=2, first_seconds=0.01)
    for uid in ("1.2.3", "1.2.4"):
        deliveries.note_sent(one, uid)
    deliveries.advance(one, "sent")
    deliveries.asks(one, "1.9", 60)
    take_report(report("1.8"), ledger, retry)  # of nobody
    assert deliveries.of(series)[0].state == "sent"
    take_report(report("1.9", "1.2.3"), ledger, retry)
    assert deliveries.of(series)[0].state == "pending"
    assert deliveries.sent(one) == {"1.2.3"}
    deliveries.note_sent(one, "1.2.4")
    deliveries.advance(one, "sent")
    deliveries.asks(one, "1.10", 60)
    take_report(report("1.10", "1.2.3"), ledger, retry)
    assert entry(ledger, series).reason == "one: 1 object was not committed (2 times)"


def test_commitment_of_all_grants_a_delivery(ledger: Ledger) -> None:
    series, (one,) = sending(ledger, "one")
    deliveries = Deliveries(ledger)
    deliveries.note_sent(one, "1.2.3")
    deliveries.advance(one, "sent")
    deliveries.asks(one, "1.9", 60)
    take_report(report("1.9", "1.2.3"), ledger, Retry())
    assert deliveries.of(series)[0].state == "granted"


def test_what_is_asked_again_and_again_reads_no_series_that_has_ended(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ledger of years has hundreds of thousands of these."""
    asked: list[str] = []

    def explained(query: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
        with ledger.change(durable=False) as db:
            steps = db.execute(f"EXPLAIN QUERY PLAN {query}", values).fetchall()
        asked.extend(str(step[-1]) for step in steps)
        return []

    monkeypatch.setattr(ledger, "query", explained)
    deliveries = Deliveries(ledger)
    deliveries.due("pacs")
    deliveries.open("pacs")
    deliveries.waiting()
    deliveries.of_transaction("1.2")
    ledger.in_states("received")
    ledger.expired(0.0)
    ledger.known("1.2", "ct", "1.2.3")
    assert any("series_by_files" in step for step in asked)
    assert not [step for step in asked if step.startswith("SCAN")]
