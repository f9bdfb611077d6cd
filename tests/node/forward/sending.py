"""A node with one series to send, and a peer in place of the network."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from mitsgan.jobs.protect.settings import RestorablyProtecting
from mitsgan.node import forward
from mitsgan.node.audit.trail import AuditTrail
from mitsgan.node.config import Audit, Destination, NodeConfig, Retry, Route
from mitsgan.node.forward import Forwarder
from mitsgan.node.http.counters import Counters
from mitsgan.node.processing.tasks import Answer, Task
from mitsgan.node.read_back.returns import Returns
from mitsgan.node.send import Item
from mitsgan.node.store.deliveries import Deliveries, Plan, What
from mitsgan.node.store.ledger import Ledger
from mitsgan.node.store.ledger_schema import Delivery, Series
from mitsgan.node.store.spool import Spool, read_header

COUNT = 3
SIGNED = RestorablyProtecting(sign=Path("key"))


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
            retry=Retry(delivery_attempts=attempts, first_seconds=60),
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


def peer(**settings: object) -> Destination:
    return Destination(ae_title="PACS", address="127.0.0.1", port=104, **settings)  # type: ignore[arg-type]


def web(**settings: object) -> Destination:
    return Destination(url="https://pacs.example/dicom-web", **settings)  # type: ignore[arg-type]


def report(transaction: str, *granted: str) -> Dataset:
    """A result of storage commitment that grants these objects."""
    event = Dataset()
    event.TransactionUID = transaction
    event.ReferencedSOPSequence = []
    for uid in granted:
        item = Dataset()
        item.ReferencedSOPInstanceUID = uid
        event.ReferencedSOPSequence.append(item)
    return event


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
        self.calls: Callable[[], None] = lambda: None
        """What happens while it is called to be asked for commitment."""
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
        self.calls()
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
