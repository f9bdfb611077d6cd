"""Who gets what: as protected, the original, or nothing; and what is tried again."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mitsgan.node.audit.trail import AuditTrail
from mitsgan.node.config import Audit, Destination, NodeConfig, Retry, Route
from mitsgan.node.http.counters import Counters
from mitsgan.node.processing import work
from mitsgan.node.processing.actions import Restoring, Verifying
from mitsgan.node.processing.tasks import Answer, Task
from mitsgan.node.processing.work import Work
from mitsgan.node.store.deliveries import Deliveries
from mitsgan.node.store.ledger import Ledger
from mitsgan.node.store.ledger_schema import Series
from mitsgan.node.store.spool import Header, Spool

PASSES = Destination(ae_title="RESEARCH", address="127.0.0.1", port=104, on_failure="pass")
HOLDS = Destination(ae_title="PACS", address="127.0.0.1", port=104)
SETTINGS: dict[str, dict[str, Any]] = {
    "pass": {},
    "protect": {},
    "verify": {"verify": Verifying(key=Path("key"))},
    "restore": {"restore": Restoring(private_key=Path("key")), "calling": ("CT",)},
}
Do = Callable[[Task], Answer]


class Node:
    """A spool and a ledger, with one series of two objects that waits for work."""

    def __init__(self, folder: Path, ledger: Ledger, action: str, *, beside: bool = False) -> None:
        self.spool, self.ledger, self.asked = Spool(folder), ledger, list[Task]()
        names = ("holds", "passes")
        route = Route(name="ct", action=action, destinations=names, **SETTINGS[action])  # type: ignore[arg-type]
        self.config = NodeConfig(
            spool=folder,
            routes=(route,),
            destinations={"holds": HOLDS, "passes": PASSES},
            audit=Audit(address="127.0.0.1", port=6514),
            retry=Retry(attempts=2, first_seconds=60),
        )
        self.number = self.receive("1.2.1", beside=beside)
        assert self.receive("1.2.2", beside=beside) == self.number
        self.ledger.move(self.number, "complete", of=["received"])

    def receive(self, sop_uid: str, *, beside: bool = False) -> int:
        header = Header(sop_uid, "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.1.2", "1.2", "1.1")
        series = self.ledger.open_series(header, "ct", "CT", "127.0.0.1", beside=beside)
        file = self.spool.incoming / "object"
        file.write_bytes(sop_uid.encode())
        self.spool.place(file, series, sop_uid)
        self.ledger.enter(series, header, 10)
        return series

    def work(self, do: Do, *, is_stopping: bool = False) -> bool:
        def noted(task: Task) -> Answer:
            self.asked.append(task)
            return do(task)

        audit = AuditTrail(self.config, self.spool, self.ledger)
        work = Work(self.config, self.spool, self.ledger, Counters(), noted, audit)
        return work.next(lambda: is_stopping)

    def audited(self) -> list[str]:
        """Messages that wait to be sent."""
        return [str(row[0]) for row in self.ledger.query("SELECT message FROM audit", ())]

    @property
    def series(self) -> Series:
        row = self.ledger.find(self.number)
        assert row is not None
        return row

    def gets(self) -> dict[str, tuple[str, str, str]]:
        """What each destination is to get, in which state, and why if nothing."""
        deliveries = Deliveries(self.ledger).of(self.number)
        return {d.destination: (d.what, d.state, d.reason) for d in deliveries}


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Callable[..., Node]]:
    Spool(tmp_path / "spool").prepare()
    with closing(Ledger(tmp_path / "spool" / "ledger.sqlite")) as ledger:
        yield lambda action, **settings: Node(tmp_path / "spool", ledger, action, **settings)


Begin = Callable[..., Node]
GETS = dict.fromkeys(("holds", "passes"), ("received", "pending", ""))


def held(reason: str) -> tuple[str, str, str]:
    return "received", "dead", f"held back: {reason}"


def test_what_passes_goes_on_as_it_came(begin: Begin) -> None:
    node = begin("pass")
    assert node.work(lambda task: pytest.fail("asked a worker"))
    assert (node.gets(), node.series.state) == (GETS, "sending")
    assert not node.work(lambda task: pytest.fail("worked on it again"))


def test_what_is_no_slice_is_not_protected(begin: Begin) -> None:
    node = begin("protect", beside=True)
    assert node.work(lambda task: pytest.fail("asked a worker"))
    assert node.gets() == GETS
    assert "forwarded as they are" in node.series.note


def test_what_is_intact_goes_to_everybody(begin: Begin) -> None:
    node = begin("verify")
    assert node.work(lambda task: Answer(verdict="intact"))
    assert (node.gets(), node.series.verdict, node.series.note) == (GETS, "intact", "")


@pytest.mark.parametrize(
    "answer, verdict, reason",
    [
        (Answer(verdict="tampered", text="at 1"), "tampered", "the mark says tampered at 1"),
        (Answer(verdict="unknown"), "unknown", "the mark says unknown"),
        (Answer(), "unknown", "the mark says unknown"),
        (Answer(error="no key"), "unknown", "no key"),
    ],
)
def test_what_is_not_intact_goes_to_those_who_take_it(
    begin: Begin, answer: Answer, verdict: str, reason: str
) -> None:
    node = begin("verify")
    assert node.work(lambda task: answer)
    assert node.gets() == {**GETS, "holds": held(reason)}
    assert (node.series.verdict, node.series.note) == (verdict, f"the original: {reason}")


def test_what_cannot_be_protected_goes_to_those_who_take_it(begin: Begin) -> None:
    node = begin("protect")
    source = node.spool.work / "unknown"

    def fails(task: Task) -> Answer:
        nonlocal source
        assert task.protect is not None
        source = task.protect.source
        assert sorted(path.name for path in source.iterdir()) == ["1.2.1.dcm", "1.2.2.dcm"]
        return Answer(error=f"{source}: no scan")

    assert node.work(fails)
    assert node.gets() == {**GETS, "holds": held("cannot be protected: received: no scan")}
    assert not list(node.spool.work.iterdir())


def test_what_cannot_be_restored_goes_to_nobody(begin: Begin) -> None:
    node = begin("restore")
    assert node.work(lambda task: Answer(error="another key"))
    reason = held("cannot be restored: another key")
    assert node.gets() == {"holds": reason, "passes": reason}
    assert node.series.state == "dead"
    (message,) = node.audited()
    assert "another key" in message


@pytest.mark.parametrize("action", ["protect", "restore"])
def test_what_a_worker_made_is_what_goes_on(begin: Begin, action: str) -> None:
    node = begin(action)

    def makes(task: Task) -> Answer:
        made = task.protect or task.restore
        assert made is not None
        made.out.mkdir()
        (made.out / "1.9.1.dcm").write_bytes(b"made")
        if task.protect is not None:
            made.out.with_name("protected.seal.json").write_text("seal")
        return Answer(text="done", notes=("slowly",))

    for folder in (node.spool.protected(node.number), node.spool.restored(node.number)):
        folder.mkdir(parents=True)
        (folder / "of an earlier attempt.dcm").touch()
    assert node.work(makes)
    what = f"{action}ed" if action == "protect" else "restored"
    place = getattr(node.spool, what)(node.number)
    assert [path.name for path in place.iterdir()] == ["1.9.1.dcm"]
    assert node.gets() == dict.fromkeys(GETS, (what, "pending", ""))
    assert node.series.state == ("protected" if action == "protect" else "sending")
    assert node.series.note == ("done; slowly" if action == "protect" else "done")
    if action == "protect":
        assert node.spool.seal(node.number).read_text() == "seal"
    assert not list(node.spool.work.iterdir())
    assert len(node.audited()) == (action == "restore"), "an original was given back"


@pytest.mark.parametrize("action", ["protect", "verify", "restore"])
def test_a_passing_error_is_tried_again_and_then_final(begin: Begin, action: str) -> None:
    node = begin(action)
    full = Answer(error="no memory", passing=True)
    assert node.work(lambda task: full)
    assert (node.gets(), node.series.state, node.series.attempts) == ({}, "complete", 1)
    assert node.series.reason == "no memory"
    assert not node.work(lambda task: pytest.fail("it did not wait"))
    with node.ledger.change() as db:
        db.execute("UPDATE series SET not_before = 0")
    assert node.work(lambda task: full)
    assert set(node.gets()) == set(GETS)
    assert "no memory" in node.gets()["holds"][2]


def test_what_a_node_leaves_when_it_ends_is_no_failed_attempt(begin: Begin) -> None:
    node = begin("protect")
    assert node.work(lambda task: Answer(error="killed", passing=True), is_stopping=True)
    assert (node.gets(), node.series.state, node.series.attempts) == ({}, "complete", 0)
    assert node.work(lambda task: Answer(error="no scan"), is_stopping=True)
    assert node.series.state != "complete", "what is final stays so"


def test_a_full_disk_is_tried_again_and_then_a_dead_letter(begin: Begin) -> None:
    node = begin("protect")

    def full(task: Task) -> Answer:
        raise OSError("the disk is full")

    assert node.work(full)
    assert (node.series.state, node.series.attempts) == ("complete", 1)
    with node.ledger.change() as db:
        db.execute("UPDATE series SET not_before = 0")
    assert node.work(full)
    assert (node.series.state, node.series.reason) == ("dead", "the disk is full")
    assert node.gets() == {}


def test_what_a_full_disk_ends_leaves_no_copy_behind(
    begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = begin("protect")

    def full(paths: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(work, "sync_files", full)
    assert node.work(made)
    assert (node.series.state, node.series.reason) == ("complete", "the disk is full")
    assert not list(node.spool.work.iterdir())


def made(task: Task) -> Answer:
    assert task.protect is not None
    task.protect.out.mkdir()
    (task.protect.out / "1.9.1.dcm").write_bytes(b"made")
    return Answer(text="done")


def test_what_a_fault_ends_is_tried_again_and_then_a_dead_letter(begin: Begin) -> None:
    """Of a ledger that cannot be written for a while, say, or of ours."""
    node = begin("protect")

    def fault(task: Task) -> Answer:
        raise sqlite3.OperationalError("database or disk is full")

    for state in ("complete", "dead"):
        with pytest.raises(sqlite3.OperationalError):
            node.work(fault)
        assert not node.work(lambda task: pytest.fail("it did not wait"))
        assert node.series.state == state
        with node.ledger.change() as db:
            db.execute("UPDATE series SET not_before = 0")
    assert node.series.reason == "an error ended the work on it; see the log"
    assert not list(node.spool.work.iterdir())


def test_a_series_of_a_route_that_is_gone_is_a_dead_letter(begin: Begin) -> None:
    node = begin("protect")
    with node.ledger.change() as db:
        db.execute("UPDATE series SET route = 'mr'")
    assert node.work(lambda task: pytest.fail("asked a worker"))
    assert (node.series.state, node.gets()) == ("dead", {})
    assert "no route mr" in node.series.reason


def test_what_came_before_is_worked_on_with_what_follows_it(begin: Begin) -> None:
    node = begin("protect")
    node.ledger.move(node.number, "working", of=["complete"])
    follower = node.receive("1.2.3")
    (node.spool.received(follower) / "1.2.9.dcm").touch()  # the ledger does not know it
    node.ledger.move(node.number, "sending", of=["working"])
    node.ledger.move(follower, "complete", of=["received"])
    seen: list[str] = []

    def looks(task: Task) -> Answer:
        assert task.protect is not None
        seen.extend(path.name for path in task.protect.source.iterdir())
        return Answer(error="seen")

    assert node.work(looks)
    assert sorted(seen) == ["1.2.1.dcm", "1.2.2.dcm", "1.2.3.dcm"]


def test_a_destination_that_the_route_has_no_more_is_not_waited_for(begin: Begin) -> None:
    node = begin("verify")
    assert node.work(lambda task: Answer(verdict="tampered"))
    deliveries = Deliveries(node.ledger)
    _, passed = deliveries.of(node.number)
    deliveries.advance(passed, "committed")
    assert deliveries.retry(node.number)
    other = replace(node.config.routes[0], destinations=("passes",))
    node.config = replace(node.config, routes=(other,))
    assert node.work(lambda task: Answer(verdict="intact"))
    assert node.gets() == {"passes": ("received", "committed", "")}
    assert node.series.state == "committed"
