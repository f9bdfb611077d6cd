"""A clock that is set back holds nothing up."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mitsgan.node.store.clock import catch_up
from mitsgan.node.store.deliveries import Deliveries, Plan
from mitsgan.node.store.ledger import Ledger
from mitsgan.node.store.spool import Header

LONGEST = 900.0


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger(tmp_path / "ledger.sqlite")
    yield opened
    opened.close()


def receive(ledger: Ledger, number: int) -> int:
    header = Header(f"1.2.{number}.1", "1.2.840.10008.5.1.4.1.1.2", "1.2", f"1.2.{number}", "1.1")
    row = ledger.open_series(header, "ct", "CT", "127.0.0.1")
    assert ledger.enter(row, header, 10) == "new"
    return row


def test_what_waits_does_not_wait_for_a_clock_that_was_set_back(ledger: Ledger) -> None:
    _, worked, sent = (receive(ledger, number) for number in range(3))
    ledger.postpone(worked, 800, "the disk is full")
    deliveries = Deliveries(ledger)
    deliveries.plan(sent, {"pacs": Plan("protected")}, "protected")
    deliveries.failed(deliveries.of(sent)[0], "away", 800)
    assert not catch_up(ledger, time.time(), LONGEST)

    back = time.time() - 7200
    assert catch_up(ledger, back, LONGEST)
    columns = ledger.query("SELECT last_object, not_before FROM series ORDER BY id LIMIT 2", ())
    assert columns[0] == (back, 0)
    assert columns[1][1] == back
    assert deliveries.of(sent)[0].not_before == back
    assert not catch_up(ledger, back, LONGEST)


def test_what_is_put_off_by_the_rules_stays_put_off(ledger: Ledger) -> None:
    series = receive(ledger, 1)
    ledger.postpone(series, LONGEST, "the disk is full")
    before = ledger.find(series)
    assert not catch_up(ledger, time.time(), LONGEST)
    assert ledger.find(series) == before
