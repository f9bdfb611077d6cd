"""An object that nobody looked into, or could, is told of as refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydicom import dcmread
from tests.node.audit.collectors import UdpCollector
from tests.node.conftest import route, small_series

from node_peers import NodeProcess, free_port, storescu, wait_for

pytestmark = [
    pytest.mark.slow,
    # pynetdicom leaves a socket that was refused to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.mark.parametrize(
    "reserve_mb, said",
    [
        (10, "the object cannot be read, or has no UIDs"),
        (1_000_000_000, "free space or memory is below the reserve, or the object is too large"),
    ],
)
def test_objects_that_are_refused_unseen_are_audited(
    peers: None, tmp_path: Path, reserve_mb: int, said: str
) -> None:
    collector, port = UdpCollector(), free_port()
    config = (
        f'spool = "spool"\nreserve_mb = {reserve_mb}\nreserve_memory_mb = 10\n'
        f'[listen]\nport = {port}\n[audit]\naddress = "127.0.0.1"\nport = {collector.port}\n'
        + route("ct1", "pass", ["nobody"])
        + f'[destinations.nobody]\nae_title = "X"\naddress = "127.0.0.1"\nport = {free_port()}\n'
    )
    node = NodeProcess(tmp_path / "node", config, port)
    series = small_series(tmp_path, 2)
    for path in series.iterdir():
        dataset = dcmread(path)
        del dataset.StudyInstanceUID
        dataset.save_as(path)
    try:
        node.start()
        storescu(port, series, "-nh")
        wait_for(lambda: len(collector.records) >= 2, 60, "the start and the refusal")
    finally:
        node.stop()
        collector.stop()
    (told,) = (message for message in collector.told() if message.event == "110104")
    assert told.outcome == "8"
    assert told.xml.findtext(".//EventOutcomeDescription") == said
    assert told.values("ParticipantObjectIdentification", "ParticipantObjectID") == ["unknown"]
    assert told.values("SOPClass", "NumberOfInstances") == ["2"]
    assert told.values("ActiveParticipant", "UserID")[0] == "CT1"
