"""Slices that come after those before them were deleted are protected alone, which is told."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from mitsgan.jobs.protect.settings import RestorablyProtecting
from mitsgan.node.audit.trail import AuditTrail
from mitsgan.node.config import Destination, NodeConfig, Route
from mitsgan.node.http.counters import Counters
from mitsgan.node.processing.tasks import Answer, Task
from mitsgan.node.processing.work import Work
from mitsgan.node.store.ledger import Ledger
from mitsgan.node.store.spool import Header, Spool


def test_a_series_without_what_came_earlier_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = NodeConfig(
        spool=tmp_path,
        routes=(Route(name="ct", action="protect", destinations=("pacs",)),),
        destinations={"pacs": Destination(ae_title="PACS", address="127.0.0.1", port=104)},
    )
    spool, counters = Spool(tmp_path), Counters()
    spool.prepare()
    ledger = Ledger(spool.ledger)
    given: list[int] = []

    def protect(task: Task) -> Answer:
        assert task.protect is not None
        assert isinstance(task.protect.settings, RestorablyProtecting)
        given.append(len(list(task.protect.source.iterdir())))
        task.protect.out.mkdir()
        return Answer(text="protected it")

    work = Work(config, spool, ledger, counters, protect, AuditTrail(config, spool, ledger))

    def come(*numbers: int) -> str:
        """Slices come, and are worked on; the note beside them."""
        for number in numbers:
            header = Header(f"1.2.3.{number}", "1.2.840.10008.5.1.4.1.1.2", "1.2", "1.2.3", "1.2")
            series = ledger.open_series(header, "ct", "CT", "127.0.0.1")
            spool.received(series).mkdir(parents=True, exist_ok=True)
            (spool.received(series) / f"{header.sop_uid}.dcm").write_bytes(b"")
            ledger.enter(series, header, 0)
        assert ledger.move(series, "complete", of=["received"])
        assert work.next()
        row = ledger.find(series)
        assert row is not None
        return row.note

    assert come(1, 2) == "protected it"
    assert come(3) == "protected it"
    spool.remove(1)
    with caplog.at_level(logging.WARNING, "mitsgan.node"):
        note = come(4)
    assert given == [2, 3, 2]
    assert "without 2 objects of this series that came earlier and are no longer kept" in note
    assert "no longer kept" in caplog.text
    ledger.close()
