"""One destination's deliveries: what is sent, when it has arrived, and what is tried again."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from mitsgan.jobs.protect.settings import RestorablyProtecting
from mitsgan.node import forward
from mitsgan.node.audit.trail import AuditTrail
from mitsgan.node.config import Audit, Destination, NodeConfig, Retry, Route
from mitsgan.node.forward import Forwarder
from mitsgan.node.http.counters import Counters
from mitsgan.node.processing.tasks import Answer, Task
from mitsgan.node.read_back.returns import Returns
from mitsgan.node.send import Item, PeerError, RefusedError
from mitsgan.node.store.deliveries import Deliveries, Plan, What
from mitsgan.node.store.ledger import Ledger
from mitsgan.node.store.ledger_schema import Delivery, Series
from mitsgan.node.store.spool import Spool, read_header

COUNT = 3


class Node:
    """One series of three objects that is to go to one destination, ``pacs``."""

    def __init__(self, folder: Path, ledger: Ledger, source: Path, what: What) -> None:
        self.spool, self.ledger, self.deliveries = Spool(folder), ledger, Deliveries(ledger)
        for file in sorted(source.iterdir())[:COUNT]:
            header = read_header(file)
            self.number = ledger.open_series(header, "ct", "CT", "127.0.0.1")
            shutil.copy(file, self.spool.incoming / "object")
            self.spool.place(self.spool.incoming / "object", self.number, header.sop_uid)
            ledger.enter(self.number, header, 10)
        received = self.spool.received(self.number)
        self.uids = sorted(path.stem for path in received.iterdir())
        if what != "received":
            shutil.copytree(received, self.spool.folder(self.number) / what)
        ledger.move(self.number, "working", of=["received"])
        self.deliveries.plan(self.number, {"pacs": Plan(what)}, "protected")
        self.answer: Answer | Exception = Answer(verdict="intact")

    def next(self, pacs: Destination | None, *, attempts: int = 3) -> bool:
        route = Route(name="ct", action="protect", destinations=("pacs",), protect=SIGNED)
        config = NodeConfig(
            spool=self.spool.root,
            routes=(route,),
            destinations={"pacs": pacs or peer()},
            audit=Audit(address="127.0.0.1", port=6514),
            retry=Retry(attempts=attempts, first_seconds=60),
        )
        if pacs is None:
            config.destinations.clear()
        counters, audit = Counters(), AuditTrail(config, self.spool, self.ledger)
        do, returns = self.worker, Returns()
        return Forwarder(
            "pacs", config, self.spool, self.ledger, counters, do, audit, returns
        ).next()

    def worker(self, task: Task) -> Answer:
        assert task.compare is not None
        assert sorted(path.stem for path in task.compare.source.iterdir()) == self.uids
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def now(self) -> None:
        """Let all that waits be due."""
        with self.ledger.change() as db:
            db.execute("UPDATE deliveries SET not_before = 0")

    @property
    def delivery(self) -> Delivery:
        return self.deliveries.of(self.number)[0]

    @property
    def series(self) -> Series:
        row = self.ledger.find(self.number)
        assert row is not None
        return row

    def has(self) -> list[str]:
        """What the destination has, as far as the ledger knows."""
        return sorted(self.deliveries.sent(self.delivery))

    def audited(self) -> int:
        return len(self.ledger.query("SELECT message FROM audit", ()))


SIGNED = RestorablyProtecting(sign=Path("key"))
Begin = Callable[[What], Node]


def peer(**settings: object) -> Destination:
    return Destination(ae_title="PACS", address="127.0.0.1", port=104, **settings)  # type: ignore[arg-type]


def web(**settings: object) -> Destination:
    return Destination(url="https://pacs.example/dicom-web", **settings)  # type: ignore[arg-type]


@pytest.fixture
def begin(tmp_path: Path, phantom: Path) -> Iterator[Begin]:
    Spool(tmp_path / "spool").prepare()
    with closing(Ledger(tmp_path / "spool" / "ledger.sqlite")) as ledger:
        yield lambda what: Node(tmp_path / "spool", ledger, phantom, what)


class Peer:
    """What a destination does, in place of the network."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.there: set[str] | None = set()
        self.got: list[str] = []
        self.kept: set[str] = set()
        self.fails: Exception | None = None
        self.after = COUNT
        """So many objects until it fails."""
        self.transactions: list[str] = []
        monkeypatch.setattr(forward, "send", lambda _, to, files, sent: self.take(files, sent))
        monkeypatch.setattr(forward, "send_web", lambda to, files, sent: self.take(files, sent))
        monkeypatch.setattr(forward, "stored_at", lambda *args: self.asked())
        monkeypatch.setattr(forward, "stored_at_web", lambda *args: self.asked() or set())
        monkeypatch.setattr(forward, "ask_commitment", self.commit)
        for name in ("fetch", "fetch_by_move", "fetch_web"):
            monkeypatch.setattr(forward, name, getattr(self, name))
        self.fetched: list[str] = []

    def take(self, files: Sequence[Item], on_sent: Callable[[Item], None]) -> None:
        for item in files:
            if len(self.got) == self.after and self.fails is not None:
                raise self.fails
            self.got.append(item.sop_uid)
            self.kept.add(item.sop_uid)
            on_sent(item)

    def asked(self) -> set[str] | None:
        return self.there

    def commit(
        self, title: str, to: Destination, files: list[Item], before: Callable[[str], None]
    ) -> str:
        self.transactions.append(f"1.9.{len(self.transactions)}")
        before(self.transactions[-1])
        if self.fails is not None:
            raise self.fails
        return self.transactions[-1]

    def _copy(self, how: str, files: Sequence[Item], folder: Path) -> None:
        self.fetched.append(how)
        folder.mkdir()
        if self.fails is not None:
            raise self.fails
        for item in files:
            shutil.copy(item.path, folder)

    def fetch(self, _: str, to: Destination, files: Sequence[Item], folder: Path) -> None:
        self._copy("C-GET", files, folder)

    def fetch_by_move(
        self, _: str, to: Destination, files: Sequence[Item], folder: Path, returns: Returns
    ) -> None:
        self._copy("C-MOVE", files, folder)

    def fetch_web(self, to: Destination, files: Sequence[Item], folder: Path) -> None:
        self._copy("WADO-RS", files, folder)


@pytest.fixture
def pacs(monkeypatch: pytest.MonkeyPatch) -> Peer:
    return Peer(monkeypatch)


@pytest.mark.parametrize("what", ["received", "protected", "restored"])
def test_all_of_it_is_sent_once(begin: Begin, pacs: Peer, what: What) -> None:
    node = begin(what)
    folder = node.spool.folder(node.number) / what
    if what == "received":  # no file that the ledger does not know
        shutil.copy(folder / f"{node.uids[0]}.dcm", folder / "unknown.dcm")
    assert node.next(peer())
    assert set(pacs.got) == set(node.uids)
    assert node.has() == node.uids
    assert (node.delivery.state, node.series.state) == ("committed", "committed")
    assert node.audited() == 3, "asked, begun, sent"
    assert not node.next(peer())


def test_what_is_there_already_is_not_sent_again(begin: Begin, pacs: Peer) -> None:
    node = begin("protected")
    pacs.there = set(node.uids[:1])
    assert node.next(peer())
    assert sorted(pacs.got) == node.uids[1:]
    assert node.has() == node.uids


def test_a_destination_that_is_not_asked_gets_all(begin: Begin, pacs: Peer) -> None:
    node = begin("protected")
    pacs.there = set(node.uids)
    assert node.next(peer(ask=False))
    assert sorted(pacs.got) == node.uids


def test_one_that_does_not_tell_gets_all(begin: Begin, pacs: Peer) -> None:
    node = begin("protected")
    pacs.there = None
    assert node.next(peer())
    assert sorted(pacs.got) == node.uids


def test_an_attempt_goes_on_where_the_last_one_ended_and_the_last_is_final(
    begin: Begin, pacs: Peer
) -> None:
    node = begin("protected")
    pacs.fails, pacs.after = PeerError("gone"), 1
    assert node.next(peer(ask=False), attempts=2)
    first = node.has()
    assert (len(first), node.delivery.state, node.delivery.attempts) == (1, "pending", 1)
    assert node.delivery.reason == "gone"
    assert not node.next(peer(ask=False)), "it waits"
    node.now()
    assert node.next(peer(ask=False), attempts=2)
    assert pacs.got == first, "nothing was sent twice"
    assert node.delivery.state == "dead"
    assert node.series.reason == "pacs: gone (2 attempts)"


@pytest.mark.parametrize("error", [RefusedError("no such class"), None])
def test_what_will_never_be_taken_is_a_dead_letter_at_once(
    begin: Begin, pacs: Peer, error: Exception | None
) -> None:
    node = begin("protected")
    pacs.fails, pacs.after = error, 0
    assert node.next(None if error is None else peer())
    why = "no such class" if error else "the configuration has no such destination any more"
    assert (node.delivery.state, node.series.reason) == ("dead", f"pacs: {why}")
    assert node.has() == []


def test_a_web_server_has_what_it_says_it_has(begin: Begin, pacs: Peer) -> None:
    """What it stored and does not have is sent again; what it has is not."""
    node = begin("protected")
    assert node.next(web())
    assert (node.delivery.state, node.delivery.denied) == ("pending", 1)
    assert node.has() == []
    assert "does not have 3 objects" in node.delivery.reason
    node.now()
    pacs.there = set(node.uids)
    assert node.next(web())
    assert node.delivery.state == "committed"
    assert len(pacs.got) == COUNT


def test_a_web_server_that_keeps_what_it_gets_gets_it_once(begin: Begin, pacs: Peer) -> None:
    node = begin("protected")
    pacs.there = pacs.kept
    assert node.next(web())
    assert (node.delivery.state, node.delivery.denied) == ("committed", 0)


def test_a_web_server_that_is_not_asked_is_believed(begin: Begin, pacs: Peer) -> None:
    node = begin("protected")
    assert node.next(web(ask=False))
    assert (node.delivery.state, node.has()) == ("committed", node.uids)


def test_commitment_is_asked_for_until_a_result_comes_or_attempts_end(
    begin: Begin, pacs: Peer
) -> None:
    node, to = begin("protected"), peer(commitment=True)
    assert node.next(to, attempts=2)
    assert node.delivery.state == "sent"
    for attempt in (1, 2):
        assert node.next(to, attempts=2)
        assert (node.delivery.state, node.delivery.attempts) == ("sent", attempt)
        found = node.deliveries.of_transaction(pacs.transactions[-1])
        assert found == node.delivery
        assert not node.next(to, attempts=2), "it waits for the result"
        node.now()
    assert node.next(to, attempts=2)
    assert len(pacs.transactions) == 2
    assert "no result came" in node.series.reason


def test_what_was_granted_is_committed(begin: Begin, pacs: Peer) -> None:
    node, to = begin("protected"), peer(commitment=True)
    assert node.next(to)
    node.deliveries.advance(node.delivery, "granted")
    assert node.next(to)
    assert (node.delivery.state, node.series.state) == ("committed", "committed")


@pytest.mark.parametrize(
    "to, how",
    [
        (peer(read_back=True), "C-GET"),
        (peer(read_back=True, read_back_by="C-MOVE"), "C-MOVE"),
        (web(read_back=True, ask=False), "WADO-RS"),
    ],
)
def test_what_comes_back_as_it_was_signed_is_committed(
    begin: Begin, pacs: Peer, to: Destination, how: str
) -> None:
    node = begin("protected")
    node.spool.seal(node.number).touch()
    assert node.next(to)
    assert node.delivery.state == "sent"
    assert node.next(to)
    assert pacs.fetched == [how]
    assert (node.delivery.state, node.series.verdict) == ("committed", "intact")
    assert not list(node.spool.work.iterdir())


@pytest.mark.parametrize(
    "answer, reason",
    [
        (Answer(verdict="tampered", text="at 1"), "the seal says tampered at 1"),
        (Answer(verdict="processed"), "the seal says processed"),
        (Answer(verdict="intact", error="no key"), "no key"),
    ],
)
def test_what_comes_back_otherwise_is_a_dead_letter(
    begin: Begin, pacs: Peer, answer: Answer, reason: str
) -> None:
    node, to = begin("protected"), peer(read_back=True)
    node.spool.seal(node.number).touch()
    node.answer = answer
    assert node.next(to)
    assert node.next(to)
    assert node.delivery.state == "dead"
    assert node.series.reason == f"pacs: what it returned is not what was sent: {reason}"
    assert node.series.verdict == ""
    assert not list(node.spool.work.iterdir())


def test_what_could_not_be_fetched_or_compared_is_tried_again(begin: Begin, pacs: Peer) -> None:
    node, to = begin("protected"), peer(read_back=True)
    node.spool.seal(node.number).touch()
    assert node.next(to)
    pacs.fails = PeerError("gone")
    assert node.next(to)
    pacs.fails, node.answer = None, Answer(error="no memory", passing=True)
    node.now()
    assert node.next(to)
    assert (node.delivery.state, node.delivery.attempts) == ("sent", 2)
    assert node.delivery.reason == "no memory"


def test_what_has_no_seal_cannot_be_read_back(begin: Begin, pacs: Peer) -> None:
    node, to = begin("protected"), peer(read_back=True)
    assert node.next(to)
    assert node.next(to)
    assert (node.delivery.state, pacs.fetched) == ("dead", [])
    assert "there is no seal" in node.series.reason


def test_an_original_is_not_read_back(begin: Begin, pacs: Peer) -> None:
    node, to = begin("received"), peer(read_back=True)
    assert node.next(to)
    assert node.next(to)
    assert (node.delivery.state, pacs.fetched) == ("committed", [])
