"""What is done to one series leaves all others as they are."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mitsgan.node.store.deliveries import HELD, Deliveries, Plan
from mitsgan.node.store.ledger import Ledger
from mitsgan.node.store.ledger_schema import Delivery, State
from mitsgan.node.store.spool import Header

CT = ("1.2", "ct")
"""The series that something is done to."""
STATES: tuple[State, ...] = ("received", "complete", "working", "sending", "committed", "dead")


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger of series in every state, some of another route and some of another study."""
    path = tmp_path_factory.mktemp("others") / "ledger.sqlite"
    with closing(Ledger(path)) as ledger:
        for number, state in enumerate(STATES):
            begin(ledger, f"1.9.{number}", "ct", "1.1", state)
            begin(ledger, CT[0], f"other {state}", "1.1", state)
        ledger.refuse(CT[0], "CT2", "127.0.0.1", "no CT")
        ledger.refuse(CT[0], "CT1", "127.0.0.1", "another reason")
        ledger.refuse("1.4", "CT1", "127.0.0.1", "no CT")
    return path


@pytest.fixture
def ledger(others: Path, tmp_path: Path) -> Iterator[Ledger]:
    path = tmp_path / "ledger.sqlite"
    shutil.copy(others, path)
    with closing(Ledger(path)) as opened:
        yield opened


def header(series: str, study: str, sop: str = "") -> Header:
    sop_uid = sop or f"{series}.1"
    return Header(sop_uid, "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.1.2", series, study)


def begin(ledger: Ledger, uid: str, route: str, study: str, state: State) -> int:
    """A series in a state, with two objects and two deliveries of which one has an object."""
    series = ledger.open_series(header(uid, study), route, "CT1", "127.0.0.1")
    for sop in (f"{uid}.1", f"{uid}.2"):
        ledger.enter(series, header(uid, study, sop), 10)
    if state in ("sending", "committed", "dead"):
        deliveries = Deliveries(ledger)
        plans = {"one": Plan("protected"), "two": Plan("received", "withheld")}
        deliveries.plan(series, plans, state)
        if state != "dead":  # of a dead one nothing was sent: it may be taken up again
            deliveries.note_sent(deliveries.of(series)[0], f"{uid}.1")
    ledger.move(series, state, of=["received", state])
    return series


def rows(ledger: Ledger, series: int) -> dict[str, list[tuple[Any, ...]]]:
    """All that the ledger knows of other series than this one."""
    columns = {"series": "id", "objects": "series", "deliveries": "series", "sent": "series"}
    return {
        table: ledger.query(f"SELECT * FROM {table} WHERE {column} != ?", (series,))
        for table, column in columns.items()
    }


def first_delivery(ledger: Ledger, series: int) -> Delivery:
    return Deliveries(ledger).of(series)[0]


Change = Callable[[Ledger, int], object]


def of_first(method: str, *values: object, **named: object) -> tuple[State, Change]:
    """A change of the first delivery of a series that is sent."""
    return "sending", lambda ledger, series: getattr(Deliveries(ledger), method)(
        first_delivery(ledger, series), *values, **named
    )


CHANGES: dict[str, tuple[State, Change]] = {
    "an object comes": (
        "complete",
        lambda ledger, _: ledger.open_series(header("1.2", "1.5"), "ct", "CT1", "127.0.0.1"),
    ),
    "an object is entered": (
        "complete",
        lambda ledger, series: ledger.enter(series, header("1.2", "1.5", "1.2.3"), 10),
    ),
    "a dead letter is followed by an object": (
        "dead",
        lambda ledger, _: ledger.open_series(header("1.2", "1.5"), "ct", "CT1", "127.0.0.1"),
    ),
    "a dead letter comes again": ("dead", lambda ledger, _: ledger.revive(*CT)),
    "it is worked on": (
        "complete",
        lambda ledger, series: ledger.move(series, "working", of=["complete"], reason="r"),
    ),
    "it is complete": (
        "received",
        lambda ledger, series: ledger.complete(series, last_object(ledger, series)),
    ),
    "its study is complete": ("received", lambda ledger, _: ledger.complete_study("1.5")),
    "its files go": (
        "committed",
        lambda ledger, series: ledger.files_gone(series, {"1.2.1": "ab", "1.9.0.1": "cd"}),
    ),
    "it is postponed": ("working", lambda ledger, series: ledger.postpone(series, 9, "busy")),
    "it was verified": ("working", lambda ledger, series: ledger.verdict(series, "intact")),
    "what it is to get is planned": (
        "working",
        lambda ledger, series: Deliveries(ledger).plan(
            series, {"one": Plan("protected")}, "sending"
        ),
    ),
    "one delivery begins": of_first("begin"),
    "an object was sent": of_first("note_sent", "1.2.2"),
    "an object was denied": of_first("denied", ["1.2.1", "1.9.3.1"]),
    "a delivery is done": of_first("advance", "committed"),
    "objects were not committed": of_first(
        "not_committed", ["1.2.1", "1.9.3.1"], "pending", reason="r", wait=9
    ),
    "commitment is asked for": ("sending", lambda ledger, series: ask(ledger, series)),
    "a delivery failed": of_first("failed", "r", 9),
    "a dead letter is retried": ("dead", lambda ledger, series: Deliveries(ledger).retry(series)),
}


def ask(ledger: Ledger, series: int) -> None:
    first, deliveries = first_delivery(ledger, series), Deliveries(ledger)
    deliveries.advance(first, "sent")
    assert deliveries.asks(first, "1.99", 9)


def last_object(ledger: Ledger, series: int) -> float:
    row = ledger.find(series)
    assert row is not None
    return row.last_object


@pytest.mark.parametrize("what", CHANGES)
def test_others_stay_as_they_are(ledger: Ledger, what: str) -> None:
    state, change = CHANGES[what]
    series = begin(ledger, *CT, "1.5", state)
    own, others = whole(ledger, series), rows(ledger, series)
    change(ledger, series)
    assert rows(ledger, series) == others
    assert what == "one delivery begins" or whole(ledger, series) != own


def whole(ledger: Ledger, series: int) -> tuple[object, ...]:
    """All of one series."""
    deliveries = Deliveries(ledger)
    of_series = deliveries.of(series)
    sent = [deliveries.sent(delivery) for delivery in of_series]
    digests = ledger.query("SELECT sha256 FROM objects WHERE series = ?", (series,))
    return ledger.find(series), ledger.objects(series), of_series, sent, digests


def test_a_delivery_leaves_the_other_of_its_series_alone(ledger: Ledger) -> None:
    series = begin(ledger, *CT, "1.5", "sending")
    deliveries = Deliveries(ledger)
    one, two = deliveries.of(series)
    deliveries.note_sent(two, "1.2.1")
    deliveries.failed(one, "no answer", 9)
    deliveries.denied(one, ["1.2.1"])
    assert deliveries.sent(one) == set()
    assert deliveries.sent(two) == {"1.2.1"}
    deliveries.advance(one, "sent")
    assert deliveries.asks(one, "1.99", 9)
    assert deliveries.of(series)[1] == two
    found = deliveries.of_transaction("1.99")
    assert found is not None
    assert (found.series, found.destination, found.denied) == (series, "one", 1)
    deliveries.advance(one, "committed")
    assert deliveries.of_transaction("1.99") is None


def test_refusals_are_told_apart_by_series_sender_and_reason(ledger: Ledger) -> None:
    before = ledger.counts()["refused"]
    for series, sender, reason in (("1.2", "CT1", "b"), ("1.2", "CT3", "a"), ("1.5", "CT1", "a")):
        for _ in range(2):
            ledger.refuse(series, sender, "127.0.0.1", reason)
    assert ledger.counts()["refused"] == before + 3


def test_a_refusal_changes_no_series_that_was_taken(ledger: Ledger) -> None:
    taken = [series for series in ledger.in_states(*STATES) if series.series_uid == "1.2"]
    ledger.refuse("1.2", "CT1", "127.0.0.1", "a new reason")
    assert [ledger.find(series.id) for series in taken] == taken


def test_an_object_of_a_series_that_has_ended_is_known_if_that_counts(ledger: Ledger) -> None:
    for state in STATES:
        has_ended = state in ("committed", "dead")
        uid, sop = f"1.9.{STATES.index(state)}", f"1.9.{STATES.index(state)}.1"
        assert ledger.known(uid, "ct", sop) is not None
        assert (ledger.known(uid, "ct", sop, ended=False) is None) == has_ended


@pytest.mark.parametrize("what", ["an object was sent", "its files have gone"])
def test_a_dead_letter_is_left_if(ledger: Ledger, what: str) -> None:
    series = begin(ledger, *CT, "1.5", "dead")
    if what == "its files have gone":
        ledger.files_gone(series, {})
    else:
        Deliveries(ledger).note_sent(first_delivery(ledger, series), "1.2.1")
    ledger.revive(*CT)
    row = ledger.find(series)
    assert row is not None
    assert row.state == "dead"
    follower = ledger.open_series(header("1.2", "1.5"), "ct", "CT1", "127.0.0.1")
    assert follower != series


def test_a_dead_letter_without_files_is_not_retried(ledger: Ledger) -> None:
    series = begin(ledger, *CT, "1.5", "dead")
    ledger.files_gone(series, {})
    assert not Deliveries(ledger).retry(series)


def test_what_was_held_back_is_held_back_still_when_another_is_sent_again(ledger: Ledger) -> None:
    series = begin(ledger, *CT, "1.5", "working")
    deliveries = Deliveries(ledger)
    plans = {"one": Plan("protected"), "two": Plan("received", f"{HELD}no key")}
    deliveries.plan(series, plans, "sending")
    deliveries.advance(deliveries.of(series)[0], "dead", reason="no answer")
    assert deliveries.retry(series)
    assert [delivery.state for delivery in deliveries.of(series)] == ["pending", "dead"]
    row = ledger.find(series)
    assert row is not None
    assert row.state == "complete"  # to be planned anew


def test_files_go_of_what_was_committed_long_enough_ago(ledger: Ledger) -> None:
    committed = [series.id for series in ledger.in_states("committed")]
    now = time.time()
    assert ledger.expired(now - 3600) == []
    assert ledger.expired(now + 1) == committed
    ledger.files_gone(committed[0], {})
    assert ledger.expired(now + 1) == committed[1:]


def test_only_a_series_without_objects_is_forgotten(ledger: Ledger) -> None:
    kept = begin(ledger, "1.3", "ct", "1.5", "received")
    empty = ledger.open_series(header("1.2", "1.5"), "ct", "CT1", "127.0.0.1")
    others = rows(ledger, empty)
    ledger.forget(kept)
    ledger.forget(empty)
    assert ledger.find(empty) is None
    assert rows(ledger, empty) == others


def test_the_study_of_a_dead_letter_is_known_and_nothing_of_it_completed(ledger: Ledger) -> None:
    series = begin(ledger, *CT, "1.5", "dead")
    ledger.open_series(header("1.6", "1.5"), "ct", "CT1", "127.0.0.1")  # nothing has come of it
    assert ledger.complete_study("1.5") == []
    assert ledger.complete_study("1.55") is None
    row = ledger.find(series)
    assert row is not None
    assert row.state == "dead"


def test_what_waits_is_due_the_oldest_first(ledger: Ledger) -> None:
    deliveries = Deliveries(ledger)
    assert deliveries.due("three") is None
    first, second = (begin(ledger, f"1.7.{n}", "ct", "1.5", "working") for n in range(2))
    for series in (second, first):
        deliveries.plan(series, {"three": Plan("protected")}, "sending")
    due = deliveries.due("three")
    assert due is not None
    assert due.series == first
    assert deliveries.waiting()["three"] == 2
    deliveries.advance(due, "pending", wait=60)
    later = deliveries.due("three")
    assert later is not None
    assert later.series == second
    deliveries.advance(later, "dead", reason="no answer")
    assert deliveries.due("three") is None
    assert deliveries.waiting()["three"] == 1


def test_what_is_postponed_is_not_to_be_tried_before(ledger: Ledger) -> None:
    series = begin(ledger, *CT, "1.5", "working")
    assert [ledger.postpone(series, 60, "busy") for _ in range(2)] == [1, 2]
    row = ledger.find(series)
    assert row is not None
    assert (row.state, row.reason) == ("complete", "busy")
    assert 50 < row.not_before - time.time() <= 60


def test_a_retry_waits_for_nothing_and_counts_anew(ledger: Ledger) -> None:
    series = begin(ledger, *CT, "1.5", "working")
    ledger.postpone(series, 60, "busy")
    deliveries = Deliveries(ledger)
    deliveries.plan(series, {"three": Plan("protected")}, "sending")
    one = deliveries.of(series)[0]
    deliveries.failed(one, "no answer", 60)
    deliveries.denied(one, [])
    deliveries.advance(one, "dead", wait=60)
    assert deliveries.retry(series)
    again = deliveries.due("three")
    assert again is not None
    assert (again.series, again.attempts, again.denied, again.reason) == (series, 0, 0, "")
    row = ledger.find(series)
    assert row is not None
    assert (row.attempts, row.not_before, row.reason) == (0, 0, "")


def test_what_is_planned_anew_waits_for_nothing_and_what_was_committed_stays(
    ledger: Ledger,
) -> None:
    series = begin(ledger, *CT, "1.5", "working")
    deliveries = Deliveries(ledger)
    plans = {"three": Plan("received"), "four": Plan("received")}
    deliveries.plan(series, plans, "sending")
    four, three = deliveries.of(series)
    deliveries.failed(three, "no answer", 60)
    deliveries.advance(four, "committed")
    deliveries.plan(series, {"three": Plan("protected"), "four": Plan("protected")}, "sending")
    four, three = deliveries.of(series)
    assert (four.state, four.what) == ("committed", "received")
    assert (three.state, three.what, three.attempts, three.reason) == (
        "pending",
        "protected",
        0,
        "",
    )
    assert deliveries.due("three") == three


def test_the_newest_series_come_first_in_what_is_shown(ledger: Ledger) -> None:
    numbers = [series.id for series in ledger.in_states()]
    assert numbers == sorted(numbers)
    assert [series.id for series in ledger.latest(3)] == numbers[:-4:-1]
