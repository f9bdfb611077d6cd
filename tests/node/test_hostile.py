"""A node among peers that say nothing, or what nobody understands: they harm nobody else."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.node.conftest import route
from tests.node.series import strangers_may_only_echo

from node_peers import NodeProcess, free_port, fuzz, wait_for

pytestmark = [
    pytest.mark.slow,
    # pynetdicom leaves a socket that was refused to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def threads(node: NodeProcess) -> int:
    assert node.process is not None
    return len(list(Path(f"/proc/{node.process.pid}/task").iterdir()))


def files(node: NodeProcess) -> int:
    assert node.process is not None
    return len(list(Path(f"/proc/{node.process.pid}/fd").iterdir()))


SILENT = (
    b"",
    b"\x01\x00\x00",  # half a header
    b"\x01\x00\x00\x00\x01\x00\x00\x01",  # an A-ASSOCIATE-RQ that never comes
    b"\x04\x00\xff\xff\xff\xff",  # a P-DATA of 4 GB
    b"GET / HTTP/1.1\r\n\r\n",
)


@pytest.fixture
def impatient(peers: None, tmp_path: Path) -> Iterator[NodeProcess]:
    """A node that soon ends connections on which nothing comes."""
    port = free_port()
    config = (
        f'spool = "spool"\nreserve_mb = 10\nreserve_memory_mb = 10\n[listen]\nport = {port}\n'
        "association_seconds = 3\nidle_seconds = 5\n"
        + route("passes", "pass", ["nobody"])
        + f'[destinations.nobody]\nae_title = "X"\naddress = "127.0.0.1"\nport = {free_port()}\n'
    )
    node = NodeProcess(tmp_path / "impatient", config, port)
    try:
        node.start()
        yield node
    finally:
        node.stop()


def calm(node: NodeProcess) -> tuple[int, int]:
    """Threads and open files of a node that nobody has connected to, once all is there."""
    counts = [(threads(node), files(node))]

    def steady() -> bool:
        time.sleep(0.5)
        counts.append((threads(node), files(node)))
        return len(counts) > 4 and len(set(counts[-4:])) == 1

    wait_for(steady, 60, "calm")
    return counts[-1]


def test_peers_that_never_go_on_leak_nothing(impatient: NodeProcess) -> None:
    before = calm(impatient)
    peers = []
    for start in SILENT * 4:
        peer = socket.create_connection(("127.0.0.1", impatient.port))
        peer.sendall(start)
        peers.append(peer)
    for _ in range(15):  # TCP health checks
        socket.create_connection(("127.0.0.1", impatient.port)).close()

    def ended() -> bool:
        return threads(impatient) <= before[0] and files(impatient) <= before[1]

    wait_for(ended, 300, "connections to end")
    for peer in peers:
        peer.close()


def test_malformed_pdus_harm_nobody(impatient: NodeProcess, phantom: Path) -> None:
    """Random bytes in the shape of PDUs; the campaign goes on with it for a minute."""
    before = calm(impatient)
    assert fuzz(impatient.port, seconds=3, seed=0) > 0
    wait_for(lambda: threads(impatient) <= before[0], 300, "connections to end")
    assert impatient.process is not None
    assert impatient.process.poll() is None
    strangers_may_only_echo(impatient.port, phantom)
