"""A node that is killed between two changes of its ledger goes on as if it had made both."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from tests.node.forward.sending import report

from mitsgan.node.commitment import take_report
from mitsgan.node.config import Retry
from mitsgan.node.store.deliveries import HELD, Deliveries, Plan
from mitsgan.node.store.ledger import Ledger
from mitsgan.node.store.ledger_schema import Delivery
from mitsgan.node.store.spool import Header

SLICES = ("1.2.3", "1.2.4")


class KilledError(BaseException):
    """The node was killed."""


class World:
    """A series of two objects for one destination, in a ledger that ends after some changes."""

    def __init__(self, folder: Path, changes: int, monkeypatch: pytest.MonkeyPatch) -> None:
        folder.mkdir()
        self.path = folder / "ledger.sqlite"
        self.ledger = Ledger(self.path)
        for uid in SLICES:
            header = Header(uid, "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.1.2", "1.2", "1.1")
            self.series = self.ledger.open_series(header, "ct", "CT", "127.0.0.1")
            self.ledger.enter(self.series, header, 10)
        self.deliveries = Deliveries(self.ledger)
        self._changes, self._monkeypatch = changes, monkeypatch

    def send(self) -> Delivery:
        self.deliveries.plan(self.series, {"one": Plan("protected")}, "sending")
        delivery = self.delivery
        for uid in SLICES:
            self.deliveries.note_sent(delivery, uid)
        self.deliveries.advance(delivery, "sent")
        self.deliveries.asks(delivery, "1.9", 60)
        return self.delivery

    @property
    def delivery(self) -> Delivery:
        return self.deliveries.of(self.series)[0]

    @property
    def state(self) -> str:
        row = self.ledger.find(self.series)
        assert row is not None
        return row.state

    @contextmanager
    def killed(self) -> Iterator[list[bool]]:
        """Let the node be killed within, once it has made so many changes; whether it was."""
        change, made, was = self.ledger.change, count(), [False]

        @contextmanager
        def some(**how: Any) -> Iterator[Any]:
            if next(made) == self._changes:
                raise KilledError
            with change(**how) as db:
                yield db

        with self._monkeypatch.context() as patch:
            patch.setattr(self.ledger, "change", some)
            try:
                yield was
            except KilledError:
                was[0] = True
        self.ledger.close()
        self.ledger = Ledger(self.path)
        self.deliveries = Deliveries(self.ledger)


@pytest.fixture
def worlds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Iterator[World]]:
    """The same world again and again, killed one change later each time."""
    made: list[World] = []

    def worlds() -> Iterator[World]:
        for changes in count():
            made.append(World(tmp_path / str(changes), changes, monkeypatch))
            yield made[-1]

    yield worlds()
    for world in made:
        world.ledger.close()


def test_a_series_has_ended_once_its_last_delivery_has(worlds: Iterator[World]) -> None:
    for world in worlds:
        delivery = world.send()
        with world.killed() as was:
            world.deliveries.advance(delivery, "committed")
        assert (world.delivery.state == "committed") == (world.state == "committed")
        if not was[0]:
            break
    assert world.state == "committed"


def test_a_series_that_is_held_back_is_a_dead_letter_at_once(worlds: Iterator[World]) -> None:
    for world in worlds:
        with world.killed() as was:
            world.deliveries.plan(world.series, {"one": Plan("received", f"{HELD}so")}, "sending")
        assert bool(world.deliveries.of(world.series)) == (world.state == "dead")
        if not was[0]:
            break
    assert world.state == "dead"


@pytest.mark.parametrize("attempts", [1, 10])
def test_what_was_not_committed_is_not_taken_for_committed(
    worlds: Iterator[World], attempts: int
) -> None:
    for world in worlds:
        world.send()
        with world.killed() as was:
            take_report(report("1.9", SLICES[0]), world.ledger, Retry(attempts=attempts))
        # Of what the ledger says was sent, a later result would see all committed.
        take_report(report("1.9", SLICES[0]), world.ledger, Retry(attempts=attempts))
        assert world.delivery.state == ("dead" if attempts == 1 else "pending")
        assert world.deliveries.sent(world.delivery) == {SLICES[0]}
        if not was[0]:
            break
