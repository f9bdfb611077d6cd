"""When a series is complete: by time, by number, with its study, or because somebody says so."""

from __future__ import annotations

import json
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom import dcmread
from tests.node.conftest import route

from mitsgan.node.audit.trail import AuditTrail
from mitsgan.node.config import Destination, NodeConfig, Route
from mitsgan.node.http.counters import Counters
from mitsgan.node.processing.tasks import Answer
from mitsgan.node.processing.work import Work
from mitsgan.node.store.ledger import Ledger
from mitsgan.node.store.spool import Header, Spool
from node_peers import NodeProcess, Storescp, free_port, renew, storescu

TOKEN = "a token of some length"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger(tmp_path / "ledger.sqlite")
    yield opened
    opened.close()


def receive(ledger: Ledger, study: str, series: str, number: int, ago: float) -> int:
    """An object came, so many seconds ago."""
    header = Header(f"{series}.{number}", "1.2.840.10008.5.1.4.1.1.2", "1.2", series, study)
    row = ledger.open_series(header, "ct", "CT", "127.0.0.1")
    assert ledger.enter(row, header, 10) == "new"
    with ledger.change() as db:
        db.execute("UPDATE series SET last_object = ? WHERE id = ?", (time.time() - ago, row))
    return row


def test_what_lies_beside_the_slices_counts_among_those_expected(
    ledger: Ledger, tmp_path: Path
) -> None:
    for number, row_beside in ((1, False), (2, False), (3, True)):
        header = Header(f"1.1.1.{number}", "1.2.840.10008.5.1.4.1.1.2", "1.2", "1.1.1", "1.1", 3)
        row = ledger.open_series(header, "ct", "CT", "127.0.0.1", beside=row_beside)
        assert states(ledger, tmp_path, expected="ImagesInAcquisition")[0] == "received"
        assert ledger.enter(row, header, 10) == "new"
    assert states(ledger, tmp_path, expected="ImagesInAcquisition") == ["complete", "complete"]


def states(ledger: Ledger, folder: Path, **settings: object) -> list[str]:
    """States once the node has looked whether anything is complete."""
    ct = Route(name="ct", action="pass", destinations=("pacs",), quiet_seconds=30, **settings)  # type: ignore[arg-type]
    pacs = Destination(ae_title="PACS", address="127.0.0.1", port=104)
    config = NodeConfig(spool=folder, routes=(ct,), destinations={"pacs": pacs})
    spool = Spool(folder)
    audit = AuditTrail(config, spool, ledger)
    Work(config, spool, ledger, Counters(), lambda task: Answer(), audit).complete()
    return [series.state for series in ledger.in_states()]


def test_a_series_is_complete_once_it_is_quiet(ledger: Ledger, tmp_path: Path) -> None:
    receive(ledger, "1.1", "1.1.1", 1, ago=40)
    receive(ledger, "1.1", "1.1.2", 1, ago=20)
    assert states(ledger, tmp_path) == ["complete", "received"]


def test_or_with_its_whole_study(ledger: Ledger, tmp_path: Path) -> None:
    receive(ledger, "1.1", "1.1.1", 1, ago=40)
    receive(ledger, "1.1", "1.1.2", 1, ago=20)
    receive(ledger, "1.2", "1.2.1", 1, ago=35)
    assert states(ledger, tmp_path, quiet="study") == ["received", "received", "complete"]
    receive(ledger, "1.1", "1.1.2", 2, ago=31)
    assert states(ledger, tmp_path, quiet="study") == ["complete"] * 3


def test_or_when_somebody_says_so(ledger: Ledger) -> None:
    one, two = (receive(ledger, "1.1", f"1.1.{n}", 1, ago=0) for n in (1, 2))
    other = receive(ledger, "1.2", "1.2.1", 1, ago=0)
    assert ledger.complete_study("1.1") == [one, two]
    assert ledger.complete_study("1.1") == []
    assert ledger.complete_study("1.3") is None
    assert [series.id for series in ledger.in_states("received")] == [other]


def post(port: int, path: str, token: str) -> tuple[int, str]:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", b"", method="POST")
    request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@pytest.mark.slow
def test_a_running_node_is_told_that_a_study_has_come(
    peers: None, phantom: Path, tmp_path: Path
) -> None:
    http, port = free_port(), free_port()
    archive = Storescp(tmp_path / "archive")
    token = tmp_path / "token"
    token.touch(0o600)
    token.write_text(TOKEN)
    node = NodeProcess(
        tmp_path / "node",
        f'spool = "spool"\nreserve_mb = 10\nreserve_memory_mb = 10\n[listen]\nport = {port}\n'
        f'[http]\ntoken_file = "{token}"\nport = {http}\n'
        + route("ct", "pass", ["archive"], quiet=3600)
        + f'[destinations.archive]\nae_title = "STORESCP"\naddress = "127.0.0.1"\n'
        f"port = {archive.port}\n",
        port,
    )
    part = tmp_path / "part"  # of each of two series of one study
    for source in (phantom, renew(phantom, tmp_path / "second")):
        for path in sorted(source.iterdir())[:4]:
            part.mkdir(exist_ok=True)
            shutil.copy(path, part / f"{source.name}-{path.name}")
    study = str(dcmread(next(part.iterdir()), stop_before_pixels=True).StudyInstanceUID)
    try:
        archive.start()
        node.start()
        assert storescu(port, part, calling="CT") == 0
        assert node.states() == ["received", "received"]
        assert post(http, f"/studies/{study}/complete", "wrong")[0] == 401
        assert post(http, "/studies/1.2.3/complete", TOKEN)[0] == 404
        status, answer = post(http, f"/studies/{study}/complete", TOKEN)
        assert (status, json.loads(answer)) == (200, {"series": [1, 2]})
        node.wait_ended(2, 300)
        assert node.states() == ["committed", "committed"]
        assert len(list(archive.kept.iterdir())) == 8
    finally:
        node.stop()
        archive.stop()
