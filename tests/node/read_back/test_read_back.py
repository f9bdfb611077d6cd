"""What archives keep comes back and is verified: by C-GET, C-MOVE and WADO-RS, from real peers."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from tests.node.conftest import route

from mitsgan.node.read_back.returns import Returns
from mitsgan.node.read_back.web import only_part
from mitsgan.node.store.deliveries import Deliveries
from node_peers import Dcmqrscp, NodeProcess, Orthanc, free_port, storescu

LIBRARY = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")

PEERS = """
[destinations.get]
ae_title = "QRSCP"
address = "127.0.0.1"
port = {qr}
read_back = true
[destinations.move]
ae_title = "MOVER"
address = "127.0.0.1"
port = {mover}
read_back = true
read_back_by = "C-MOVE"
[destinations.orthanc]
ae_title = "ORTHANC"
address = "127.0.0.1"
port = {orthanc}
read_back = true
read_back_by = "C-MOVE"
[destinations.web]
url = "http://127.0.0.1:{web}/dicom-web"
read_back = true
"""


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_series_comes_back_from_each_archive_and_its_seal_verifies(
    peers: None, phantom: Path, tmp_path: Path
) -> None:
    if not LIBRARY.exists():
        pytest.skip("not installed: Debian's orthanc-dicomweb")
    port = free_port()
    orthanc = Orthanc(tmp_path / "orthanc", port)
    settings = orthanc.folder / "orthanc.json"
    settings.write_text(json.dumps({**json.loads(settings.read_text()), "Plugins": [str(LIBRARY)]}))
    qrscp = Dcmqrscp(tmp_path / "qrscp", port)
    mover = Dcmqrscp(tmp_path / "mover", port, "MOVER")
    sign = tmp_path / "seal.pem"
    sign.touch(0o600)
    command = ["openssl", "genpkey", "-algorithm", "ed25519", "-out", str(sign)]
    subprocess.run(command, check=True, capture_output=True)
    more = f'[routes.protect]\nprotector = "noise"\nmax_hu = 5.0\nsign = "{sign}"\n'
    names = ["get", "move", "orthanc", "web"]
    node = NodeProcess(
        tmp_path / "node",
        f'spool = "spool"\nreserve_mb = 10\nreserve_memory_mb = 10\n[listen]\nport = {port}\n'
        + route("ct", "protect", names, more=more)
        + PEERS.format(qr=qrscp.port, mover=mover.port, orthanc=orthanc.port, web=orthanc.http),
        port,
    )
    try:
        orthanc.start()
        qrscp.start()
        mover.start()
        node.start()
        assert storescu(port, phantom, calling="CT") == 0
        node.wait_ended(1, 300)
        ledger = node.ledger()
        (series,) = ledger.in_states()
        deliveries = {d.destination: d.state for d in Deliveries(ledger).of(series.id)}
        ledger.close()
        assert deliveries == dict.fromkeys(names, "committed"), series.reason
        assert series.verdict == "intact"
        assert len(list(node.spool.glob("series/*"))) == 1  # what came back began no new one
        assert not list((node.spool / "work").glob("back-*"))
    finally:
        node.stop()
        qrscp.stop()
        mover.stop()
        orthanc.stop()


def test_only_what_is_waited_for_from_a_peer_is_a_return(tmp_path: Path) -> None:
    returns = Returns()
    path = tmp_path / "x"
    path.write_bytes(b"data")
    with returns.expected("PACS ", ["1.2.3"], tmp_path):
        assert returns.from_peer("PACS")
        assert not returns.from_peer("OTHER")
        assert not returns.take("OTHER", "1.2.3", path)
        assert not returns.take("PACS", "1.2.4", path)
        assert returns.take("PACS", "1.2.3", path)
    assert (tmp_path / "1.2.3.dcm").read_bytes() == b"data"
    assert not returns.from_peer("PACS")


KIND = 'multipart/related; type="application/dicom"; boundary="abc"'


@pytest.mark.parametrize(
    "kind, body, data",
    [
        (KIND, b"--abc\r\nContent-Type: x\r\n\r\n12\r\n34\r\n--abc--\r\n", b"12\r\n34"),
        (KIND.replace('"abc"', "abc"), b"\r\n--abc\r\nA: b\r\n\r\n\r\n--abc--", b""),
        (KIND, b"--abc\r\nContent-Type: x\r\n\r\n1234", None),
        (KIND, b"", None),
        ("application/dicom", b"--abc\r\n\r\n12\r\n--abc--", None),
    ],
)
def test_the_object_in_an_answer_is_found(kind: str, body: bytes, data: bytes | None) -> None:
    assert only_part(kind, body) == data
