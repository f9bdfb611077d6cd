"""Storage commitment, asked and served, and a series that is read back and verified."""

from __future__ import annotations

import queue
import subprocess
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import UID, generate_uid
from pynetdicom import AE, evt
from pynetdicom.events import Event
from tests.node.conftest import route

from mitsgan.node.services import COMMITMENT, COMMITMENT_INSTANCE
from node_peers import NodeProcess, Orthanc, free_port, storescu, wait_for

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def request(calling: str, port: int, uids: list[str]) -> int:
    wanted = Dataset()
    wanted.TransactionUID = generate_uid()
    wanted.ReferencedSOPSequence = []
    for uid in uids:
        item = Dataset()
        item.ReferencedSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
        item.ReferencedSOPInstanceUID = uid
        wanted.ReferencedSOPSequence.append(item)
    ae = AE(calling)
    ae.add_requested_context(COMMITMENT)
    association = ae.associate("127.0.0.1", port)
    assert association.is_established
    status, _ = association.send_n_action(wanted, 1, UID(COMMITMENT), UID(COMMITMENT_INSTANCE))
    association.release()
    return int(status.Status)


def test_commitment_is_asked_of_the_archive_and_served_to_the_sender(
    peers: None, phantom: Path, tmp_path: Path
) -> None:
    port, scanner = free_port(), free_port()
    archive = Orthanc(tmp_path / "archive", port)
    sign = tmp_path / "seal.pem"
    sign.touch(0o600)
    subprocess.run(
        ["openssl", "genpkey", "-algorithm", "ed25519", "-out", str(sign)],
        check=True,
        capture_output=True,
    )
    more = f'[routes.protect]\nprotector = "noise"\nmax_hu = 5.0\nsign = "{sign}"\n'
    config = (
        f'spool = "spool"\nreserve_mb = 10\nreserve_memory_mb = 10\n[listen]\nport = {port}\n'
        + route("ct", "protect", ["archive"], more=more)
        + f'[destinations.archive]\nae_title = "ORTHANC"\naddress = "127.0.0.1"\n'
        f"port = {archive.port}\ncommitment = true\nread_back = true\n"
        f'[destinations.scanner]\nae_title = "CT"\naddress = "127.0.0.1"\nport = {scanner}\n'
    )
    node = NodeProcess(tmp_path / "node", config, port)
    results: queue.Queue[Dataset] = queue.Queue()

    def on_report(event: Event) -> tuple[int, None]:
        results.put(event.event_information)
        return 0, None

    ae = AE("CT")
    ae.add_supported_context(COMMITMENT, scu_role=False, scp_role=True)
    server = ae.start_server(
        ("127.0.0.1", scanner), block=False, evt_handlers=[(evt.EVT_N_EVENT_REPORT, on_report)]
    )
    assert server is not None
    uids = [
        str(dcmread(path, stop_before_pixels=True).SOPInstanceUID) for path in phantom.iterdir()
    ]
    try:
        archive.start()
        node.start()
        assert storescu(port, phantom, calling="CT") == 0
        assert request("CT", port, [*uids, "1.2.3.4"]) == 0
        result = results.get(timeout=120)
        committed = {str(item.ReferencedSOPInstanceUID) for item in result.ReferencedSOPSequence}
        assert committed == set(uids)
        (failed,) = result.FailedSOPSequence
        assert (failed.ReferencedSOPInstanceUID, failed.FailureReason) == ("1.2.3.4", 0x0112)

        wait_for(lambda: node.states() == ["committed"], 60, "the series")
        ledger = node.ledger()
        (series,) = ledger.in_states()
        ledger.close()
        assert series.verdict == "intact"  # by the seal, of what the archive returned
    finally:
        node.stop()
        archive.stop()
        server.shutdown()
