"""May a sender delete what it sent? Only what every destination has; and it is told once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from mitsgan.node import promises
from mitsgan.node.config import Destination, NodeConfig, Retry, Route
from mitsgan.node.promises import (
    INVALID_ARGUMENT,
    NO_SUCH_OBJECT,
    NOT_AUTHORISED,
    PROCESSING_FAILURE,
    SUCCESS,
    Promises,
)
from mitsgan.node.send import PeerError
from mitsgan.node.store.ledger import Ledger
from mitsgan.node.store.ledger_schema import State
from mitsgan.node.store.spool import Header
from mitsgan.quiet import quiet

CT = "1.2.840.10008.5.1.4.1.1.2"


def request(*uids: str, transaction: str = "1.9") -> Dataset:
    wanted = Dataset()
    wanted.TransactionUID = transaction
    wanted.ReferencedSOPSequence = []
    for uid in uids:
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = CT, uid
        wanted.ReferencedSOPSequence.append(item)
    return wanted


class Node:
    """A ledger with one object in each series, and a sender who is told results."""

    def __init__(self, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ledger, self.is_away = ledger, False
        self.told: list[dict[str, int]] = []
        route = Route(name="ct", action="pass", destinations=("scanner",))
        scanner = Destination(ae_title="CT1", address="127.0.0.1", port=104)
        config = NodeConfig(
            spool=Path("spool"),
            routes=(route,),
            destinations={"scanner": scanner},
            retry=Retry(delivery_attempts=2, first_seconds=60),
        )
        self.promises = Promises(config, ledger)
        monkeypatch.setattr(promises, "_report", self.report)

    def report(self, calling: str, sender: Destination, result: Dataset) -> None:
        if self.is_away:
            raise PeerError("away")
        told = {
            str(item.ReferencedSOPInstanceUID): SUCCESS
            for item in result.get("ReferencedSOPSequence", [])
        }
        for item in result.get("FailedSOPSequence", []):
            told[str(item.ReferencedSOPInstanceUID)] = int(item.FailureReason)
        self.told.append(told)

    def holds(self, uid: str, state: State, series_uid: str = "") -> None:
        header = Header(uid, CT, "1.2.840.10008.1.2", series_uid or f"{uid}.0", "1.1")
        series = self.ledger.open_series(header, "ct", "CT1", "127.0.0.1")
        self.ledger.enter(series, header, 10)
        self.ledger.move(series, state, of=["received"])

    def waiting(self) -> int:
        return len(self.ledger.query("SELECT 1 FROM promises", ()))

    def now(self, seconds_ago: float = 0) -> None:
        """Let all be due, asked so long ago."""
        with self.ledger.change() as db:
            db.execute("UPDATE promises SET not_before = 0, created = created - ?", (seconds_ago,))


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Node]:
    with closing(Ledger(tmp_path / "ledger.sqlite")) as ledger:
        yield Node(ledger, monkeypatch)


def test_only_what_is_committed_is_promised(node: Node) -> None:
    node.holds("1.1", "committed")
    node.holds("1.2", "dead")
    assert node.promises.ask("CT1", request("1.1", "1.2", "1.3")) == SUCCESS
    node.promises.next()
    assert node.told == [{"1.1": SUCCESS, "1.2": PROCESSING_FAILURE, "1.3": NO_SUCH_OBJECT}]
    node.now()
    node.promises.next()
    assert (len(node.told), node.waiting()) == (1, 0), "it is told once"


def test_what_came_twice_is_committed_when_both_are(node: Node) -> None:
    node.holds("1.1", "committed", "1.7")
    node.holds("1.1", "sending", "1.7")
    node.promises.ask("CT1", request("1.1"))
    node.promises.next()
    assert node.told == []
    node.ledger.move(2, "committed", of=["sending"])
    node.promises.next()
    assert node.told == [{"1.1": SUCCESS}]


@pytest.mark.parametrize("state", ["received", "complete", "working", "protected", "sending"])
def test_what_is_under_way_is_waited_for_and_at_last_denied(node: Node, state: State) -> None:
    node.holds("1.1", "committed")
    node.holds("1.2", state)
    node.promises.ask("CT1", request("1.1", "1.2"))
    node.promises.next()
    assert (node.told, node.waiting()) == ([], 1)
    node.now(seconds_ago=3601)
    node.promises.next()
    assert node.told == [{"1.1": SUCCESS, "1.2": PROCESSING_FAILURE}]


def test_a_sender_who_is_away_is_told_later_but_not_for_ever(node: Node) -> None:
    node.holds("1.1", "committed")
    node.promises.ask("CT1", request("1.1", transaction="1.8"))
    node.is_away = True
    node.promises.next()
    assert (node.told, node.waiting()) == ([], 1)
    node.promises.ask("CT1", request("1.1", transaction="1.9"))
    node.is_away = False
    node.promises.next()
    assert (node.told, node.waiting()) == ([{"1.1": SUCCESS}], 1), "the first still waits"
    node.is_away = True
    node.now()
    node.promises.next()
    assert node.waiting() == 0, "that was the last attempt"


def test_a_request_that_cannot_be_answered_is_refused(node: Node) -> None:
    assert node.promises.ask("CT2", request("1.1")) == NOT_AUTHORISED
    assert node.promises.ask("CT1", request()) == INVALID_ARGUMENT
    assert node.promises.ask("CT1", request("1.1", transaction="")) == INVALID_ARGUMENT
    with quiet():
        assert node.promises.ask("CT1", request("../1")) == INVALID_ARGUMENT
    assert node.waiting() == 0


def test_a_series_that_is_under_way_is_seen_by_its_first_object(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Promises are looked at all the time, and a query for each object would hold up others."""
    for number in range(9):
        node.holds(f"1.{number}", "received")
    node.promises.ask("CT1", request(*(f"1.{number}" for number in range(9))))
    asked: list[str] = []
    outcome = node.promises._outcome

    def noted(uid: str) -> int | None:
        asked.append(uid)
        return outcome(uid)

    monkeypatch.setattr(node.promises, "_outcome", noted)
    node.promises.next()
    assert (asked, node.told) == (["1.0"], [])
