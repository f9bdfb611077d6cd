"""One destination's deliveries: what is sent, when it has arrived, and what is tried again."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.node.forward.sending import COUNT, Node, Peer, peer, report, web

from mitsgan.node.commitment import take_report
from mitsgan.node.config import Destination, Retry
from mitsgan.node.forward import end_lost
from mitsgan.node.processing.tasks import Answer
from mitsgan.node.send import PeerError, RefusedError
from mitsgan.node.store.deliveries import What
from mitsgan.node.store.ledger import Ledger
from mitsgan.node.store.spool import Spool

Begin = Callable[[What], Node]


@pytest.fixture
def begin(tmp_path: Path, phantom: Path) -> Iterator[Begin]:
    Spool(tmp_path / "spool").prepare()
    with closing(Ledger(tmp_path / "spool" / "ledger.sqlite")) as ledger:
        yield lambda what: Node(tmp_path / "spool", ledger, phantom, what)


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


def test_a_fault_at_one_series_lets_others_go_on_and_makes_a_dead_letter(
    begin: Begin, pacs: Peer
) -> None:
    node = begin("protected")
    pacs.fails, pacs.after = ValueError("of ours"), 1
    for attempt in (1, 2):
        with pytest.raises(ValueError, match="of ours"):
            node.next(peer(), attempts=2)
        assert not node.next(peer(), attempts=2), "it waits"
        assert node.delivery.state == ("pending" if attempt == 1 else "dead")
        node.now()
    assert node.series.reason == "pacs: an error ended it; see the log (2 attempts)"


def test_a_result_that_comes_while_it_is_asked_for_again_counts(begin: Begin, pacs: Peer) -> None:
    """What the archive did not keep is sent again: of the rest alone, all would be committed."""
    node, to = begin("protected"), peer(commitment=True)
    assert node.next(to)
    assert node.next(to)
    node.now()
    result = report(pacs.transactions[0], *node.uids[1:])
    pacs.calls = lambda: take_report(result, node.ledger, Retry())
    assert node.next(to)
    assert (node.delivery.state, node.delivery.denied) == ("pending", 1)
    assert node.has() == node.uids[1:]
    assert node.delivery.transaction_uid == pacs.transactions[0]


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


def test_what_waits_for_a_destination_that_is_gone_ends(begin: Begin) -> None:
    """After a new start nobody sends there, and it would be on its way for ever."""
    node = begin("protected")
    end_lost(node.ledger, ["pacs", "other"])
    assert node.delivery.state == "pending"
    end_lost(node.ledger, ["other"])
    assert (node.delivery.state, node.series.state) == ("dead", "dead")
    assert "no such destination" in node.series.reason


def test_what_was_not_committed_is_sent_again_even_if_it_is_said_to_be_there(
    begin: Begin, pacs: Peer
) -> None:
    node, to = begin("protected"), peer(commitment=True)
    pacs.there = pacs.kept
    assert node.next(to)
    assert node.next(to)
    take_report(report(pacs.transactions[0], *node.uids[1:]), node.ledger, Retry())
    node.now()
    assert node.next(to)
    assert sorted(pacs.got) == sorted([*node.uids, node.uids[0]])
    assert (node.delivery.state, node.has()) == ("sent", node.uids)


def test_a_result_that_comes_after_it_was_asked_for_again_counts(begin: Begin, pacs: Peer) -> None:
    """Else nothing were committed by an archive that takes longer than is waited for."""
    node, to = begin("protected"), peer(commitment=True)
    assert node.next(to)
    for _ in range(3):
        assert node.next(to, attempts=9)
        node.now()
    for uid in ("", "1", "1.8"):
        take_report(report(uid, *node.uids), node.ledger, Retry())
        assert node.delivery.state == "sent"
    take_report(report(pacs.transactions[1], *node.uids), node.ledger, Retry())
    assert node.delivery.state == "granted"
